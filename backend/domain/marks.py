"""What is said of a field beside its type, as in ``email: Annotated[str, PERSONAL]``."""

from functools import cache
from typing import Final

from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

PERSONAL: Final = Meta(extra={"personal": True})
"""Is erased with the customer, and left out where its object is shown."""

ADDED_LATER: Final = Meta(extra={"added_later": True})
"""An earlier schema did not have it: at its default it is left out of a history's digests, so that the chains of older
entries still hold."""


@cache
def marked(kind: type[Struct], mark: Meta) -> tuple[FieldInfo, ...]:
    """The fields of ``kind`` that carry ``mark``."""
    return tuple(field for field in fields(kind) if mark in getattr(field.type, "__metadata__", ()))
