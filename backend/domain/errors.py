"""What can be wrong with a request, in the domain's own words; ``api/errors.py`` alone knows HTTP.

    DomainError
    +-- InvalidInput            the caller must change what it sends
    |   +-- InvalidAmount
    |   |   +-- AmountOutOfRange
    |   +-- UnknownCurrency
    |   +-- InvalidOrderReference
    |   +-- InvalidJson
    |   +-- CardNumberNotAccepted
    +-- OrderNotRegistered      the shop's server has to register the order first
    +-- NoSuchNotification
    +-- NotificationsOff
    +-- OrderConflict           what is asked does not fit what is already known of the order
        +-- OrderOfAnotherCustomer
        +-- OrderAmountDiffers
        +-- RegistrationDiffers
        +-- OrderAlreadyPaid
        +-- OrderAlreadyAuthorized
        +-- OrderWasCancelled
        +-- OrderUnderReview
        +-- TooManyAttempts
        +-- EarlierAttemptOpen
        +-- OperationConflict       what is asked of a payment is not possible now
            +-- NoSuchPayment
            +-- SeveralPayments
            +-- OperationNotAllowed
            +-- AmountTooLarge
            +-- OperationInTheWay
            +-- OperationDiffers
            +-- NoSuchOperation
            +-- OperationIsSettled
            +-- NeedsAnotherPerson
            +-- TooManyOperations
        +-- NothingToResolve
        +-- OrderHoldsMoney

No message repeats what the caller sent except references and amounts: input may hold a card number.
"""

from collections.abc import Iterable
from datetime import datetime


class DomainError(Exception):
    """A rule said no; nothing has changed."""


class InvalidInput(DomainError):
    """The caller must send something else."""


class InvalidAmount(InvalidInput):
    def __init__(self, currency: str, exponent: int) -> None:
        how = f"at most {exponent} decimals, such as 10 or 10.00" if exponent else "no decimals, such as 10"
        super().__init__(f"write the amount in {currency} as plain digits with {how}")


class AmountOutOfRange(InvalidAmount):
    def __init__(self, most: str) -> None:
        InvalidInput.__init__(self, f"must be more than zero and at most {most}")


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


class OrderNotRegistered(DomainError):
    def __init__(self, reference: str) -> None:
        super().__init__(f"the shop has registered no order {reference} for you; order in the shop first")


class NoSuchNotification(DomainError):
    def __init__(self, reference: str, sequence: int) -> None:
        super().__init__(f"order {reference} keeps no notification {sequence}; look at the order's notifications")


class NotificationsOff(DomainError):
    def __init__(self) -> None:
        super().__init__("the shop is told nothing here; set NOTIFICATION_URL and NOTIFICATION_SECRET")


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


class RegistrationDiffers(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(
            f"order {reference} exists with other terms, or was placed by a customer, and cannot be changed; "
            "send what was registered, or use a new order reference"
        )


class OrderAlreadyPaid(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} is already paid; no new payment was started")


class OrderAlreadyAuthorized(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} already has an authorized payment; no new payment was started")


class OrderWasCancelled(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} was cancelled; use a new order reference")


class OrderUnderReview(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(
            f"money came for order {reference} that does not fit it; a person decides before a new payment is started"
        )


class TooManyAttempts(OrderConflict):
    def __init__(self, reference: str, limit: int) -> None:
        super().__init__(f"order {reference} has used its {limit} payment jobs; use a new order reference")


class EarlierAttemptOpen(OrderConflict):
    def __init__(self, reference: str, until: datetime) -> None:
        super().__init__(
            f"an earlier payment page of order {reference} may still take money until {until:%H:%M} UTC; "
            "use that page, or try again after it has ended"
        )


class OperationConflict(OrderConflict):
    """Nothing was recorded and nothing was sent."""


class NoSuchPayment(OperationConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} has no such payment; look at the order's payments")


class SeveralPayments(OperationConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} has several payments that this could be about; name the payment_reference")


class OperationNotAllowed(OperationConflict):
    def __init__(self, kind: str, payment: str, allowed: Iterable[str]) -> None:
        now = ", ".join(sorted(allowed)) or "nothing"
        super().__init__(f"payment {payment} does not allow a {kind} now; it allows {now}")


class AmountTooLarge(OperationConflict):
    def __init__(self, kind: str, left: str) -> None:
        super().__init__(f"the {kind} must be more than zero and at most {left}, which is what is left")


class OperationInTheWay(OperationConflict):
    def __init__(self, other: str) -> None:
        super().__init__(f"{other} of the same payment is not settled yet; wait for it")


class OperationDiffers(OperationConflict):
    def __init__(self, number: int) -> None:
        super().__init__(
            f"operation {number} of this order is another one already; look at the order again before you act on it"
        )


class NoSuchOperation(OperationConflict):
    def __init__(self, reference: str, number: int) -> None:
        super().__init__(f"order {reference} has no operation {number}")


class OperationIsSettled(OperationConflict):
    def __init__(self, number: int, state: str) -> None:
        super().__init__(f"operation {number} is {state}; this can no longer be done to it")


class NeedsAnotherPerson(OperationConflict):
    def __init__(self, number: int) -> None:
        super().__init__(f"operation {number} needs the approval of a person other than the one who asked for it")


class TooManyOperations(OperationConflict):
    def __init__(self, reference: str, limit: int) -> None:
        super().__init__(f"order {reference} has used its {limit} operations; use the gateway's portal")


class OrderHoldsMoney(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} holds money; refund or void its payments before it is cancelled")


class NothingToResolve(OrderConflict):
    def __init__(self, reference: str) -> None:
        super().__init__(f"order {reference} has no such open item; look at the order again")
