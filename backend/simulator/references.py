"""References in the shape the gateway's have: 18 digits, year and month first, then what they name.

Source: Cashflows developer pages, samples of the "Gateway API reference"; the make-up is read off them.
"""

import secrets
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Two digits of class and one of kind."""

    JOB = "210"
    PAYMENT = "211"
    STEP = "212"
    REFUND = "230"
    REFUND_STEP = "231"
    CAPTURE = "235"
    TRACE = "201"
    CUSTOMER = "290"


def new_reference(kind: Kind, now: datetime) -> str:
    return f"{now:%y%m}{kind}{secrets.randbelow(10**11):011d}"


def new_page_reference() -> str:
    """The opaque ``ref`` of a hosted page: 96 hex digits that nobody can guess."""
    return secrets.token_hex(48)


def new_token() -> str:
    """A card token: 16 digits that start with 1."""
    return f"1{secrets.randbelow(10**15):015d}"
