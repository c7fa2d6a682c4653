"""One header of a request's scope, for what every request passes: a header object costs more than the look."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first of this name, which is in lower case."""
    return next((value.decode("latin-1") for each, value in scope["headers"] if each == name), None)
