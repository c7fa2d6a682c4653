"""One header of a request's scope, for what every request passes: a header object costs more than the look."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first of this name, which is in lower case."""
    for each, value in scope["headers"]:
        if each == name:
            text: str = value.decode("latin-1")
            return text
    return None
