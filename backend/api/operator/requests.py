"""What operators send. Each writing request says why: the reason stands in the order's history for ever."""

from typing import Annotated, Final

from pydantic import Field

from ...domain.operations import OperationKind
from ..fields import AmountText, FreeText, Reason
from ..schemas import StrictRequest

GatewayName = Annotated[FreeText, Field(min_length=1, max_length=64)]


LARGEST_NUMBER: Final = 1000
"""Of an operation; the domain allows fewer. A number longer than any an order can have is no number."""


class AskOperation(StrictRequest):
    kind: OperationKind = Field(strict=False)
    number: int = Field(
        ge=1,
        le=LARGEST_NUMBER,
        description="The order's `next_operation` as you saw it: whoever sends the same number again, or at the same "
        "time, gets the operation that has it, and never a second one.",
    )
    reason: Reason
    amount: AmountText | None = Field(None, description="In the order's currency; all that is left if absent.")
    payment_reference: GatewayName | None = Field(
        None, description="The gateway's name of the payment; needed only where several would fit."
    )


class Why(StrictRequest):
    reason: Reason


class ResolveOperation(StrictRequest):
    carried_out: bool = Field(description="Whether the gateway's portal shows that it was carried out.")
    evidence: Reason


class ResolveAttention(StrictRequest):
    code: Annotated[FreeText, Field(min_length=1, max_length=64, examples=["refund_made_elsewhere"])]
    detail: Annotated[FreeText, Field(max_length=500)] | None = Field(
        None, description="Which, if several have the code."
    )
    evidence: Reason
