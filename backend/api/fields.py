"""The kinds of values that requests are made of: how each is checked, and what the description says of it.

Every rule for one value stands in its JSON Schema, so that whoever reads the description knows it as well. Amounts come
as JSON numbers or strings and are read letter by letter.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, ValidationInfo, WithJsonSchema
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from ..domain.card_numbers import holds_card_number
from ..domain.errors import AmountOutOfRange, CardNumberNotAccepted, InvalidInput
from ..domain.exact_json import NumberText
from ..domain.money import EXPONENTS, MAX_MINOR, WIRE_AMOUNT, CurrencyCode, Money, parse_currency
from ..domain.references import ORDER_REFERENCE, parse_order_reference
from ..domain.texts import LONGEST_REASON, SHORTEST_REASON

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
LONGEST_TEXT: Final = 500
"""Of any field. A longer one is refused for its length, whatever it holds: looking for card numbers takes time."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Says of a value, in words of JSON Schema, what one of its validators holds it to."""

    words: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(core) | self.words


def _exact_text(value: object) -> str:
    """The digits of a JSON number or string as they were written."""
    if isinstance(value, NumberText):
        return value.text
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise ValueError("write the amount as a number or as a string of digits")


def _no_card_number(text: str) -> str:
    if len(text) <= LONGEST_TEXT and holds_card_number(text):
        raise ValueError(str(CardNumberNotAccepted()))
    return text


def _printable(text: str) -> str:
    if CONTROL.search(text) is not None:
        raise ValueError("must not contain control characters")
    return text


def _matching(pattern: str, told: str) -> AfterValidator:
    """As ``pattern`` in JSON Schema, but ``told`` says what to write; what is too long is refused unread."""
    wanted = re.compile(pattern)

    def check(text: str) -> str:
        if len(text) > LONGEST_TEXT or wanted.fullmatch(text) is None:
            raise ValueError(told)
        return text

    return AfterValidator(check)


def _by_rule(rule: Callable[[str], str]) -> AfterValidator:
    """A domain rule as a validator: what it raises is told of the field it stands on."""

    def check(text: str) -> str:
        try:
            return rule(text)
        except InvalidInput as exc:
            raise ValueError(str(exc)) from None

    return AfterValidator(check)


def payable(text: str, currency: CurrencyCode) -> Money:
    """Raises ValueError unless ``text`` is an exact amount that an order may have."""
    try:
        money = Money.from_wire(text, currency)
        if not 0 < money.minor <= MAX_MINOR:
            raise AmountOutOfRange(str(Money(MAX_MINOR, currency)))
    except InvalidInput as exc:
        raise ValueError(str(exc)) from None
    return money


def payable_text(text: str, info: ValidationInfo) -> str:
    if "currency" in info.data:
        payable(text, info.data["currency"])
    return text


def _written_with_zone(text: object) -> object:
    """No bare number either, which would be taken for seconds since 1970."""
    if not isinstance(text, str) or TIME.fullmatch(text) is None:
        raise ValueError("write times with their zone, such as 2026-03-02T12:00:00Z")
    return text


def _in_utc(at: datetime) -> datetime:
    """As the stores compare it; the first and the last hours of the calendar may lie beyond it in UTC."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("write a time that is in the years 1 to 9999 in UTC too") from None


TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)  # RFC 3339, and no seconds
Moment = Annotated[datetime, BeforeValidator(_written_with_zone), AfterValidator(_in_utc)]
AmountText = Annotated[
    str,
    BeforeValidator(_exact_text),
    AfterValidator(_no_card_number),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": MAX_MINOR},
                {"type": "string", "pattern": f"^{WIRE_AMOUNT.pattern}$"},
            ],
            "description": "Major units, more than zero, read exactly; no exponent, and no more decimals than the "
            "currency has; at most 1,000,000,000,000 minor units.",
            "examples": ["10.00"],
        }
    ),
]
AmountDigits = Annotated[str, Told({"pattern": f"^{WIRE_AMOUNT.pattern}$"})]
Currency = TypeAliasType(
    "Currency",
    Annotated[
        str,
        _by_rule(parse_currency),
        Told({"enum": sorted(EXPONENTS)}),
        Field(description="ISO 4217 code, in capitals.", examples=["GBP"]),
    ],
)
Reference = Annotated[
    str,
    _by_rule(parse_order_reference),
    AfterValidator(_no_card_number),
    Told({"pattern": f"^{ORDER_REFERENCE.pattern}$"}),
    Field(description="1 to 35 letters, digits and - _ . /", examples=["TEST-001"]),
]
FreeText = Annotated[
    str, AfterValidator(_printable), AfterValidator(_no_card_number), Told({"pattern": r"^[^\x00-\x1f\x7f]*$"})
]
"""No card number either; that is a rule no pattern tells."""
Name = Annotated[FreeText, Field(min_length=1, max_length=200, examples=["Test User"])]
Description = Annotated[FreeText, Field(max_length=LONGEST_TEXT)]
AddressPart = Annotated[FreeText, Field(max_length=100)]
NO_BLANK: Final = r"[^@\s\x00-\x1f\x7f\x85\ufeff]"
"""What counts as a blank differs between languages in the last two."""
EMAIL: Final = rf"^{NO_BLANK}{{1,64}}@{NO_BLANK}+\.{NO_BLANK}+$"
Email = Annotated[
    FreeText,
    Field(max_length=254, examples=["test@example.com"]),
    _matching(EMAIL, "write an e-mail address, such as test@example.com"),
    Told({"pattern": EMAIL}),
]
VISIBLE: Final = r"[^\s\x00-\x1f\x7f\x85\u200b-\u200d\u2060\ufeff]"
REASON: Final = rf"^[^\x00-\x1f\x7f]*{VISIBLE}[^\x00-\x1f\x7f]+{VISIBLE}[^\x00-\x1f\x7f]*$"
Reason = Annotated[
    FreeText,
    Field(min_length=SHORTEST_REASON, max_length=LONGEST_REASON, examples=["the customer sent it back"]),
    _matching(REASON, f"say why, in {SHORTEST_REASON} to {LONGEST_REASON} characters, blanks around them not counted"),
    Told({"pattern": REASON}),
]
COUNTRY: Final = "^([A-Z]{2})?$"
Country = Annotated[
    str,
    _matching(COUNTRY, "write the country as two capitals, such as GB, or leave it out"),
    Told({"pattern": COUNTRY}),
    Field(description="ISO 3166-1, two capitals."),
]
LANGUAGE: Final = "^[a-z]{2}[-_][A-Z]{2}$"
Language = Annotated[
    str,
    _matching(LANGUAGE, "write the language and its country, such as en_GB"),
    Told({"pattern": LANGUAGE}),
    Field(description="Language of the payment page.", examples=["en_GB"]),
]
