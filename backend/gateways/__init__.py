"""Adapters: one folder a gateway. Shared code (``http.py``) owns deadlines, limits and what a transport error means."""
