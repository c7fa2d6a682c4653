"""HTTP: translate a request, call a service, translate back. Status codes are chosen in ``errors.py`` alone."""
