"""A frozen value as stores keep it: with all of its fields, and nothing else.

msgspec fills a field that is missing with its default, and passes over one that it does not know. Here both are
refused at every depth: what was read is written again, and must be what was stored.
"""

from collections.abc import Mapping, Set
from operator import attrgetter
from typing import Any, Generic, TypeVar

from msgspec import Struct, ValidationError, convert, defstruct, json, to_builtins
from msgspec.structs import astuple, fields

S = TypeVar("S", bound=Struct)


class StoredShape(Generic[S]):
    """Of ``kind``, whose last fields may be kept ``beside`` it."""

    def __init__(self, kind: type[S], *, beside: Set[str] = frozenset()) -> None:
        kept = [(field.name, field.type) for field in fields(kind) if field.name not in beside]
        self._kind = kind
        self._kept = defstruct(kind.__name__, kept, frozen=True, forbid_unknown_fields=True)
        assert kind.__struct_fields__[: len(kept)] == self._kept.__struct_fields__, "what is beside comes last"
        self._values = attrgetter(*self._kept.__struct_fields__)
        self._decoder = json.Decoder(self._kept)

    def to_document(self, value: S) -> dict[str, Any]:
        document: dict[str, Any] = to_builtins(self._kept(*self._values(value)))
        return document

    def to_json(self, value: S) -> str:
        return json.encode(self._kept(*self._values(value))).decode()

    def from_document(self, document: object, **beside: object) -> S:
        """Raises:
        ValidationError: it is none of ``kind``.
        """
        kept = convert(document, self._kept)
        if json.encode(kept) != _text(document):
            _refuse_other_fields(to_builtins(kept), document, "$")  # else they only stand in another order
        return self._made(kept, beside)

    def from_json(self, text: str, **beside: object) -> S | None:
        """None where the text is not as ``to_json`` writes it."""
        try:
            kept = self._decoder.decode(text)
        except ValidationError:
            return None
        return self._made(kept, beside) if json.encode(kept) == text.encode() else None

    def _made(self, kept: Struct, beside: Mapping[str, object]) -> S:
        return self._kind(*astuple(kept), **beside)


def _text(document: object) -> bytes | None:
    try:
        return json.encode(document, enc_hook=int)  # a driver's own kind of number is one
    except TypeError:
        return None  # something is in it that nobody here writes


def _refuse_other_fields(known: object, stored: object, where: str) -> None:
    if isinstance(known, dict) and isinstance(stored, Mapping):
        for name in known.keys() ^ stored.keys():
            raise ValidationError(f"Field `{name}` is {'missing' if name in known else 'unknown'} - at `{where}`")
        for name in known:
            _refuse_other_fields(known[name], stored[name], f"{where}.{name}")
    elif isinstance(known, (list, tuple)) and isinstance(stored, (list, tuple)):
        for n, (item, other) in enumerate(zip(known, stored, strict=True)):
            _refuse_other_fields(item, other, f"{where}[{n}]")
