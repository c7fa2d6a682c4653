"""The shop's endpoint for notifications: Standard Webhooks over HTTP, to an address that was checked."""
