"""Reading request bodies as leniently as the gateway does, and as exactly.

Keys match in any case, unknown members are ignored, numbers never pass through a float, and amounts may be text or
numbers. Source: Cashflows developer pages, "Gateway API reference" (wire conventions), and the spellings that
merchants' clients in public use.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from .refusals import bad_request

CARD_FIELDS: Final = frozenset({"cardnumber", "cardcvc", "cardcsc", "cvc", "csc", "cvv", "pares", "cres"})


class Document(Mapping[str, Any]):
    """A JSON object whose keys are found in any case; iteration gives them in lower case."""

    def __init__(self, members: Mapping[str, Any] | None = None) -> None:
        self._members = {key.lower(): value for key, value in (members or {}).items()}

    def __getitem__(self, key: str) -> Any:
        return self._members[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def object(self, key: str) -> "Document":
        """A member that is an object; an absent one, or another type, reads as an empty object."""
        value = self.get(key)
        return Document(value) if isinstance(value, dict) else Document()

    def text(self, key: str, default: str = "") -> str:
        """A member as text; numbers and booleans are spelt as JSON spells them."""
        value = self.get(key)
        return default if value is None or isinstance(value, dict | list) else as_text(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key)
        return tuple(as_text(item) for item in value) if isinstance(value, list) else ()

    def flag(self, key: str) -> bool:
        """A boolean, also as the text ``"true"``."""
        return self.text(key).lower() == "true"


def parse_document(body: bytes) -> Document:
    """Parse a body; an empty one reads as an empty object.

    Raises:
        Refusal: not JSON, or not an object.
    """
    if not body.strip():
        return Document()
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError):
        raise bad_request("InvalidRequest", "The body is not JSON that can be read.") from None
    if not isinstance(value, dict):
        raise bad_request("InvalidRequest", "The body must be a JSON object.")
    return Document(value)


def parse_time(text: str, field: str) -> datetime:
    """A UTC date-time with any number of fractional digits; without a zone it is taken as UTC."""
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_request("InvalidRequest", f"{field} must be an ISO 8601 date-time.") from None


def as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def storable(value: Any) -> Any:
    """The same value without card data and without ``Decimal``, fit for the ledger."""
    if isinstance(value, Mapping):
        return {key: storable(item) for key, item in value.items() if key.lower() not in CARD_FIELDS}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return str(value) if isinstance(value, Decimal) else value
