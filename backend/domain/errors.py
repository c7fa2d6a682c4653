"""What can be wrong with a request, in the domain's own words; ``api/errors.py`` alone knows HTTP.

    DomainError
    +-- InvalidInput            the caller must change what it sends
    |   +-- InvalidAmount
    |   +-- UnknownCurrency
    |   +-- InvalidOrderReference
    |   +-- InvalidJson
    |   +-- CardNumberNotAccepted
    +-- OrderConflict           what is asked does not fit what is already known of the order
        +-- OrderOfAnotherCustomer
        +-- OrderAmountDiffers
        +-- OrderAlreadyPaid
        +-- OrderAlreadyAuthorized
        +-- TooManyAttempts
        +-- EarlierAttemptOpen

No message repeats what the caller sent except references and amounts: input may hold a card number.
"""

from datetime import datetime


class DomainError(Exception):
    """A rule said no; nothing has changed."""


class InvalidInput(DomainError):
    """The caller must send something else."""


class InvalidAmount(InvalidInput):
    def __init__(self, currency: str, exponent: int) -> None:
        decimals = f"at most {exponent} decimals" if exponent else "no decimals"
        super().__init__(f"write the amount in {currency} as plain digits with {decimals}, such as 10 or 10.00")


class UnknownCurrency(InvalidInput):
    def __init__(self) -> None:
        super().__init__("use an ISO 4217 currency code in capitals, such as GBP")


class InvalidOrderReference(InvalidInput):
    def __init__(self) -> None:
        super().__init__("use 1 to 35 letters, digits and - _ . / as the order reference")


class InvalidJson(InvalidInput):
    def __init__(self, why: str) -> None:
        super().__init__(f"the body is not JSON that can be read exactly: {why}")


class CardNumberNotAccepted(InvalidInput):
    def __init__(self) -> None:
        super().__init__("this field looks like it holds a card number; card data belongs on the payment page only")


class OrderConflict(DomainError):
    """The order exists, and what is asked contradicts it."""


class OrderOfAnotherCustomer(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} belongs to another customer; use a new order reference")


class OrderAmountDiffers(OrderConflict):
    def __init__(self, reference: str, known: str, asked: str) -> None:
        super().__init__(
            f"order {reference} was started with {known}, not {asked}; "
            "send the amount it was started with, or use a new order reference"
        )


class OrderAlreadyPaid(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} is already paid; no new payment was started")


class OrderAlreadyAuthorized(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} already has an authorized payment; no new payment was started")


class TooManyAttempts(OrderConflict):
    def __init__(self, reference: str, limit: int) -> None:
        super().__init__(f"order {reference} has used its {limit} payment jobs; use a new order reference")


class EarlierAttemptOpen(OrderConflict):
    def __init__(self, reference: str, until: datetime) -> None:
        super().__init__(
            f"an earlier payment page of order {reference} may still take money until {until:%H:%M} UTC; "
            "use that page, or try again after it has ended"
        )
