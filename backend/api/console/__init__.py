"""The operators' console: pages made here, no script, on the same services as the API."""
