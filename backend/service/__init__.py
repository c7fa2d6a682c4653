"""Use cases: load, decide, call the gateway, record. Rules are in the domain; nothing here knows HTTP or a database."""
