"""What operators should know before anything else: the money at risk, what waits, and the gateways."""

from datetime import datetime
from typing import Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from ...domain.money import Money
from ...domain.roles import Role
from ...service.webhooks import NoSuchGateway
from ..auth import Admin, require
from ..context import Context
from ..problem_docs import problems

router: Final = APIRouter(prefix="/api/operator", tags=["operator"])


class MoneyAtRisk(BaseModel):
    """Amounts that may have moved without an order saying so, or moved where they should not have."""

    amounts: dict[str, str] = Field(description="Decimal text by currency; empty when nothing is at risk.")
    longest_waiting_look: datetime | None = Field(description="Since when an order has been due to be asked about.")
    longest_waiting_notification: datetime | None
    longest_waiting_delivery: datetime | None


class GatewayResumed(BaseModel):
    gateway: str
    refusal: str | None


@router.get("/money-at-risk", dependencies=[Depends(require(Role.VIEWER))], responses=problems(401, 403, 503))
async def money_at_risk(context: Context) -> MoneyAtRisk:
    """One figure a currency, over all orders, and since when the oldest work waits."""
    amounts = await context.store.money_at_risk(context.mode)
    lag = await context.store.lag(context.mode)
    return MoneyAtRisk(
        amounts={currency: Money(minor, currency).to_wire() for currency, minor in amounts.items()},
        longest_waiting_look=lag.look_at,
        longest_waiting_notification=lag.notice_at,
        longest_waiting_delivery=lag.delivery_at,
    )


@router.post("/gateways/{gateway}/resume", responses=problems(401, 403, NoSuchGateway, 503))
async def resume_gateway(gateway: str, caller: Admin, context: Context) -> GatewayResumed:
    """Have every process call a gateway again that was stopped; the next refusal stops it again."""
    if gateway not in context.gateways:
        raise NoSuchGateway(gateway)
    return GatewayResumed(gateway=gateway, refusal=await context.guard.resume(gateway, caller.user))
