"""The running program held to its own description by Schemathesis, with every check it has (``make schemathesis``)."""
