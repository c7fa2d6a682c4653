"""What is personal, told by the fields that are: one mark for erasure, support bundles, and what may be printed.

A field marked ``PERSONAL`` is left out when its object is shown (``repr``), and hidden by ``redacted``.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar, cast

ERASED: Final = "[erased]"
PERSONAL: Final[Mapping[str, bool]] = {"personal": True}

T = TypeVar("T")


def redacted(value: T) -> T:
    """``value`` with every personal text in it replaced, at any depth; amounts, times and references stay."""
    if isinstance(value, tuple):
        return cast(T, tuple(redacted(item) for item in value))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes: dict[str, Any] = {}
    for field in fields(value):
        known = getattr(value, field.name)
        changed = _hidden(known) if field.metadata.get("personal") else redacted(known)
        if changed is not known and changed != known:
            changes[field.name] = changed
    return cast(T, replace(value, **changes)) if changes else value


def _hidden(known: object) -> object:
    """Empty stays empty, so that it can be seen that nothing was there."""
    if isinstance(known, str):
        return ERASED if known else known
    return None
