"""What is personal, told by the fields that are marked so: for erasure, support bundles, and what may be printed."""

from typing import Any, Final, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from .marks import PERSONAL, marked

ERASED: Final = "[erased]"

T = TypeVar("T")


class Discreet(Struct, frozen=True):
    """Leaves out what is personal where it is shown."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        hidden = {field.name for field in marked(type(self), PERSONAL)}
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in hidden]

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({', '.join(shown)})"


def redacted(value: T) -> T:
    """``value`` with every personal text in it replaced, at any depth; amounts, times and references stay."""
    if isinstance(value, tuple):
        return cast(T, tuple(redacted(item) for item in value))
    if not isinstance(value, Struct):
        return value
    personal = {field.name for field in marked(type(value), PERSONAL)}
    changes: dict[str, Any] = {}
    for name in value.__struct_fields__:
        known = getattr(value, name)
        changed = _hidden(known) if name in personal else redacted(known)
        if changed is not known and changed != known:
            changes[name] = changed
    return cast(T, replace(value, **changes)) if changes else value


def _hidden(known: object) -> object:
    """Empty stays empty, so that it can be seen that nothing was there."""
    if isinstance(known, str):
        return ERASED if known else known
    return None
