"""Operations: deliberate instructions about a payment, each sent to the gateway at most once.

The life cycle is the table ``NEXT``; a move that is not in it is a defect. What an operation did to the money is never
read from here: the payment's amounts tell, and they come from the gateway alone.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from .references import PaymentReference


class OperationKind(StrEnum):
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class OperationState(StrEnum):
    PLANNED = "planned"  # wanted, not yet allowed on the wire
    SUBMITTING = "submitting"  # allowed on the wire, once; it may have been sent
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"  # the gateway said no, or it is established that it never got there
    UNKNOWN = "unknown"  # sent, and no answer that can be believed came
    ABANDONED = "abandoned"  # given up before anything was sent


NEXT: Final[Mapping[OperationState, frozenset[OperationState]]] = {
    OperationState.PLANNED: frozenset(
        # the last three when the gateway has it: it was sent after the backup that this store was put back from
        {
            OperationState.SUBMITTING,
            OperationState.ABANDONED,
            OperationState.SUCCEEDED,
            OperationState.REJECTED,
            OperationState.UNKNOWN,
        }
    ),
    OperationState.SUBMITTING: frozenset(
        # back to PLANNED only when it is certain that nothing was sent
        {OperationState.SUCCEEDED, OperationState.REJECTED, OperationState.UNKNOWN, OperationState.PLANNED}
    ),
    OperationState.UNKNOWN: frozenset({OperationState.SUCCEEDED, OperationState.REJECTED}),  # by evidence only
    OperationState.SUCCEEDED: frozenset(),
    OperationState.REJECTED: frozenset(),
    OperationState.ABANDONED: frozenset(),
}

ON_THE_WIRE: Final = frozenset({OperationState.SUBMITTING, OperationState.UNKNOWN})
"""It may have moved money that is not seen yet."""

UNSETTLED: Final = ON_THE_WIRE | {OperationState.PLANNED}
"""Its amount is spoken for: no second operation may use it."""


class Operation(Struct, frozen=True):
    """``own_reference`` is our name for it, told to the gateway where it takes one (a refund's number).

    ``before_minor`` is what the payment had captured or refunded when this was planned: a gateway that gives
    operations no names shows by its totals what became of one. ``accepted_at`` is when the gateway said that it will
    carry it out, without having done so. ``idempotency`` is the digest of the caller's key and request.
    """

    number: int
    own_reference: str
    kind: OperationKind
    job: int
    payment_reference: PaymentReference
    amount_minor: int
    before_minor: int
    state: OperationState
    asked_by: str
    reason: str
    planned_at: datetime
    idempotency: str | None = None
    needs_approval: bool = False
    approved_by: str | None = None
    submitted_at: datetime | None = None
    accepted_at: datetime | None = None
    settled_at: datetime | None = None
    gateway_reference: str | None = None
    outcome: str = ""

    @property
    def may_be_sent(self) -> bool:
        approved = not self.needs_approval or self.approved_by is not None
        return self.state is OperationState.PLANNED and approved
