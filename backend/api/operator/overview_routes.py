"""What operators should know before anything else: the money at risk, what waits, and the gateways."""

from datetime import datetime, timedelta
from typing import Final, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from ...domain.delays import PaidToKnown, summed_up
from ...domain.money import wire_amount
from ...domain.roles import Role
from ...domain.searching import OrderQuery
from ...domain.statuses import OrderStatus
from ...service.webhooks import NoSuchGateway
from ..auth import Admin, require
from ..context import Context
from ..problem_docs import problems

router: Final = APIRouter(prefix="/api/operator", tags=["operator"])


NEWEST: Final = 100
"""Paid orders that the delay is taken from."""


class PaidToKnownView(BaseModel):
    """From the gateway's taking the money to its being known here, over the newest paid orders."""

    payments: int = Field(description="How many this is about.")
    median_seconds: int | None
    longest_seconds: int | None

    @classmethod
    def of(cls, told: PaidToKnown) -> Self:
        return cls(payments=told.payments, median_seconds=_seconds(told.median), longest_seconds=_seconds(told.longest))


class MoneyAtRisk(BaseModel):
    """Amounts that may have moved without an order saying so, or moved where they should not have."""

    amounts: dict[str, str] = Field(description="Decimal text by currency; empty when nothing is at risk.")
    paid_to_known: PaidToKnownView
    longest_waiting_look: datetime | None = Field(description="Since when an order has been due to be asked about.")
    longest_waiting_notification: datetime | None
    longest_waiting_delivery: datetime | None
    unmatched_deliveries: int = Field(
        description="Webhooks that nothing here matched for a day and nobody has acknowledged; 100 is 100 or more."
    )


class GatewayResumed(BaseModel):
    gateway: str
    refusal: str | None


@router.get("/money-at-risk", dependencies=[Depends(require(Role.VIEWER))], responses=problems(401, 403, 503))
async def money_at_risk(context: Context) -> MoneyAtRisk:
    """One figure a currency, over all orders, and since when the oldest work waits."""
    amounts = await context.store.money_at_risk(context.mode)
    lag = await context.store.lag(context.mode)
    paid = await context.store.search(OrderQuery(context.mode, status=OrderStatus.PAID), NEWEST)
    return MoneyAtRisk(
        amounts={currency: wire_amount(minor, currency) for currency, minor in amounts.items()},
        paid_to_known=PaidToKnownView.of(summed_up(paid)),
        longest_waiting_look=lag.look_at,
        longest_waiting_notification=lag.notice_at,
        longest_waiting_delivery=lag.delivery_at,
        unmatched_deliveries=await context.inbox.unmatched(),
    )


@router.post("/gateways/{gateway}/resume", responses=problems(401, 403, NoSuchGateway, 503))
async def resume_gateway(gateway: str, caller: Admin, context: Context) -> GatewayResumed:
    """Have every process call a gateway again that was stopped; the next refusal stops it again."""
    if gateway not in context.gateways:
        raise NoSuchGateway(gateway)
    return GatewayResumed(gateway=gateway, refusal=await context.guard.resume(gateway, caller.user))


def _seconds(time: timedelta | None) -> int | None:
    return None if time is None else round(time.total_seconds())
