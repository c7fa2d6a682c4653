"""How HTTP is served: connections taken, kept and let go, and requests read, on top of uvicorn and its event loop."""
