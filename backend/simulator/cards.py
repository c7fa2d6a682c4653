"""Cards: reading what a person typed, and what each test card or test name leads to.

In the hmac-sha256 scheme the number decides, as the integration guide's list says. In the sha512 scheme every
listed number works and the cardholder name decides the 3-D Secure outcome.

Source: Cashflows developer pages, "Testing and troubleshooting"; integration guide, "Test cards".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .model import Card, Failure, Status
from .signing import Scheme

SEPARATORS: Final = re.compile(r"[\s\-\u00a0]")
EXPIRY: Final = re.compile(r"(?P<month>[0-9]{1,2})\s*[/\-. ]\s*(?P<year>[0-9]{4}|[0-9]{2})")
BARE_EXPIRY: Final = re.compile(r"(?P<month>[0-9]{2})(?P<year>[0-9]{2})")
MONTH_FIELD: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})")
LONGEST_VALIDITY_YEARS: Final = 10
AMEX: Final = "American Express"


@dataclass(frozen=True, slots=True)
class CardEntry:
    """A card as entered, for the length of one request; ``repr`` shows no number."""

    number: str
    month: int
    year: int
    csc: str
    name: str = ""

    def __repr__(self) -> str:
        return f"CardEntry({truncate(self.number)})"

    def kept(self) -> Card:
        """The part of it that may be kept."""
        return Card(brand_of(self.number), truncate(self.number), f"{self.month:02d}", f"{self.year % 100:02d}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a payment: approved, refused with a failure, or waiting for a challenge."""

    status: Status | None
    """None: approved."""
    failure: Failure | None = None
    challenge: str | None = None

    @property
    def approved(self) -> bool:
        return self.status is None


APPROVED: Final = Outcome(None)
DECLINED: Final = Outcome(Status.DECLINED, Failure("Dx01", "Declined by the card issuer [D101]"))
EXPIRED_CARD: Final = Outcome(Status.DECLINED, Failure("Vx02", "Declined: expired card [V102]"))
BLOCKED: Final = Outcome(Status.BLOCKED, Failure("Dx90", "Blocked by the risk rules [D190]"))
THREE_DS_FAILED: Final = Outcome(Status.FAILED, Failure("ThreeDSecureFailed", "3DSecure Authentication Failed"))
TECHNICAL_FAILURE: Final = Outcome(Status.FAILED, Failure("Sx01", "Connection failure [S101]"))

GUIDE_CARDS: Final[Mapping[str, tuple[str, Outcome]]] = {
    "4111111111111111": ("pays", APPROVED),
    "4000000000000002": ("is declined", DECLINED),
    "4000000000000069": ("is an expired card", EXPIRED_CARD),
}

PUBLISHED_CARDS: Final[Mapping[str, str]] = {
    "4510400400099005": "Visa credit",
    "4510500400099002": "Visa credit",
    "4510800400099006": "Visa credit",
    "4000000000000002": "Visa credit",
    "8400182600000009": "Visa credit",
    "8400682600000008": "Visa debit",
    "8400682600011005": "Visa debit",
    "5200400200099009": "Mastercard credit",
    "5400300400099007": "Mastercard credit",
    "8500582600000009": "Mastercard credit",
    "5400100400099001": "Mastercard debit",
    "8500182600000008": "Mastercard debit",
    "340000000000009": "Amex credit",
}

NAMES: Final[Mapping[str, tuple[str, Outcome]]] = {
    "Luke Skywalker": ("authentication succeeds, the payment is taken", APPROVED),
    "Han Solo": ("a challenge page, which you answer", Outcome(Status.PENDING, challenge="challenge")),
    "Leia Skywalker": ("a challenge in the bank's app", Outcome(Status.PENDING, challenge="decoupled")),
    "Lando Calrissian": ("authentication fails", THREE_DS_FAILED),
    "Darth Maul": ("authentication fails, with proof of the attempt", THREE_DS_FAILED),
}
_NAMES_FOLDED: Final = {name.casefold(): outcome for name, (_, outcome) in NAMES.items()}


def outcome_of(entry: CardEntry, scheme: Scheme, *, moto: bool = False) -> Outcome:
    """A mail or telephone order asks for no 3-D Secure, so no name decides it."""
    if scheme is Scheme.HMAC_SHA256:
        _, outcome = GUIDE_CARDS.get(entry.number, ("pays", APPROVED))
        return outcome
    if moto:
        return APPROVED
    return _NAMES_FOLDED.get(" ".join(entry.name.split()).casefold(), THREE_DS_FAILED)


def mistakes(number: str, expiry: str, csc: str, now: datetime) -> dict[str, str]:
    """What is wrong with an entry, by field name; empty when it can be charged. Never repeats what was typed."""
    found = {}
    digits = clean_number(number)
    if not luhn_valid(digits):
        found["cc-number"] = "This is not a valid card number."
    parsed = parse_expiry(expiry)
    if parsed is None or not is_current(*parsed, now):
        found["cc-exp"] = "Enter an expiry date in the future, as MM/YY."
    if not re.fullmatch(r"[0-9]{3,4}", csc.strip()) or (len(csc.strip()) == 4) != (brand_of(digits) == AMEX):
        found["cc-csc"] = "Enter the security code of the card: 3 digits, or 4 for American Express."
    return found


def clean_number(text: str) -> str:
    return SEPARATORS.sub("", text)


def parse_expiry(text: str) -> tuple[int, int] | None:
    """Month and four-digit year of ``MM/YY``, ``MM / YYYY``, ``MMYY`` or ``YYYY-MM``."""
    text = text.strip()
    match = MONTH_FIELD.fullmatch(text) or EXPIRY.fullmatch(text) or BARE_EXPIRY.fullmatch(text)
    if match is None:
        return None
    return int(match["month"]), int(match["year"]) + (2000 if len(match["year"]) == 2 else 0)


def is_current(month: int, year: int, now: datetime) -> bool:
    """A card is good to the end of its month, and no card is good for more than ten years."""
    return 1 <= month <= 12 and (now.year, now.month) <= (year, month) and year <= now.year + LONGEST_VALIDITY_YEARS


def luhn_valid(digits: str) -> bool:
    if not re.fullmatch(r"[0-9]{12,19}", digits) or len(set(digits)) == 1:
        return False
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0


def truncate(number: str) -> str:
    """The first six and the last four digits."""
    return f"{number[:6]}****{number[-4:]}" if len(number) >= 12 else "****"


def brand_of(number: str) -> str:
    if re.match(r"3[47]", number):
        return AMEX
    if re.match(r"5[1-5]|2[2-7]|85", number):
        return "Mastercard"
    return "Visa" if re.match(r"4|84", number) else "Card"
