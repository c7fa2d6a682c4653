"""How fast the program is, next to others that do the same work in the same run: ``python -m tests.bench``."""
