"""What is said of a field beside its type, as in ``email: Annotated[str, PERSONAL]``."""

from functools import cache
from typing import Final

from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

PERSONAL: Final = Meta(extra={"personal": True})
"""Is erased with the customer, and left out where its object is shown."""

ADDED_LATER: Final = Meta(extra={"added_later": True})
"""Schema 2 or 3 added it (``older_digests.py``)."""


@cache
def marked(kind: type[Struct], mark: Meta) -> tuple[FieldInfo, ...]:
    """The fields of ``kind`` that carry ``mark``."""
    return tuple(field for field in fields(kind) if mark in getattr(field.type, "__metadata__", ()))
