"""The inbox: webhook deliveries as they came, and working through one again."""

import logging
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from ...domain.deliveries import DeliveryId
from ...domain.roles import Role
from ...domain.searching import Cursor, DeliveryQuery
from ..auth import Refunder, require
from ..context import ApiContext, Context
from ..errors import NoSuchDelivery
from ..problem_docs import problems
from .cursors import CursorText, read_cursor, write_cursor
from .delivery_views import DeliveryProgress, DeliveryView

log = logging.getLogger(__name__)

router: Final = APIRouter(prefix="/api/operator/deliveries", tags=["operator"])


class DeliveryPage(BaseModel):
    deliveries: list[DeliveryView] = Field(description="From the last received.")
    next_cursor: str | None


@router.get("", dependencies=[Depends(require(Role.VIEWER))], responses=problems(401, 403, 422, 503))
async def search_deliveries(
    context: Context,
    pending: Annotated[bool | None, Query(description="Only those that are, or are not, worked through.")] = None,
    outcome: Annotated[str | None, Query(max_length=100)] = None,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeliveryPage:
    """Webhook deliveries, one row for each distinct body."""
    query = DeliveryQuery(context.mode, pending=pending, outcome=outcome, after=read_cursor(cursor))
    found = await context.store.search_deliveries(query, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    last = write_cursor(Cursor(page[-1].last_at, page[-1].id)) if more else None
    views = [DeliveryView.whole(delivery, _scrub(context, delivery.gateway)) for delivery in page]
    return DeliveryPage(deliveries=views, next_cursor=last)


@router.post("/{delivery_id:path}/replay", responses=problems(401, 403, NoSuchDelivery, 503))
async def replay_delivery(delivery_id: str, caller: Refunder, context: Context) -> DeliveryProgress:
    """Work through a delivery again, as if it had just come; applying one twice changes nothing."""
    found = await context.inbox.replay(DeliveryId(delivery_id))
    if found is None:
        raise NoSuchDelivery
    log.info("operator %s had delivery %s worked through again", caller.user, found.id)
    return DeliveryProgress.of(found)


@router.post("/{delivery_id:path}/acknowledge", responses=problems(401, 403, NoSuchDelivery, 503))
async def acknowledge_delivery(delivery_id: str, caller: Refunder, context: Context) -> DeliveryProgress:
    """Say that you have seen a delivery that nothing matched for a day; any other stays as it is."""
    found = await context.inbox.acknowledge(DeliveryId(delivery_id))
    if found is None:
        raise NoSuchDelivery
    log.info("operator %s acknowledged delivery %s", caller.user, found.id)
    return DeliveryProgress.of(found)


def _scrub(context: ApiContext, name: str) -> Callable[[str], str]:
    gateway = context.gateways.get(name)
    return gateway.scrub if gateway is not None else lambda _: "(its gateway is not configured here)"
