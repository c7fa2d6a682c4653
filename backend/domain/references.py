"""The names that orders and payment jobs go by.

An order's reference is the shop's. Each payment job of it needs a name of its own at the gateway, so that a job whose
create reply was lost can be told from the next one: the first bears the order's reference as it is, later ones add
``~2``, ``~3``; ``~`` can stand in no order reference, so the way back is unambiguous.
"""

import re
from typing import Final, NewType

from .errors import InvalidOrderReference

OrderReference = NewType("OrderReference", str)
OwnReference = NewType("OwnReference", str)
"""What we call one payment job towards the gateway (its order number)."""
JobReference = NewType("JobReference", str)
"""What the gateway calls a payment job."""
PaymentReference = NewType("PaymentReference", str)
"""What the gateway calls one payment."""
UserId = NewType("UserId", str)

ORDER_REFERENCE: Final = re.compile(r"[A-Za-z0-9._/-]{1,35}")
OWN_REFERENCE: Final = re.compile(r"([A-Za-z0-9._/-]{1,35})(?:~([1-9][0-9]?))?")


def parse_order_reference(text: str) -> OrderReference:
    """Accept 1 to 35 of letters, digits, ``-_./``.

    Raises:
        InvalidOrderReference: anything else.
    """
    if ORDER_REFERENCE.fullmatch(text) is None:
        raise InvalidOrderReference
    return OrderReference(text)


def own_reference(reference: OrderReference, number: int) -> OwnReference:
    """The gateway-side name of an order's payment job ``number``, counted from 1."""
    return OwnReference(reference if number == 1 else f"{reference}~{number}")


def split_own_reference(text: str) -> tuple[OrderReference, int] | None:
    """The order and the job number behind a gateway-side name, or None when it is none of ours."""
    match = OWN_REFERENCE.fullmatch(text)
    return (OrderReference(match[1]), int(match[2] or 1)) if match else None
