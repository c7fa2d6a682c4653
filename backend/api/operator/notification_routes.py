"""What the shop is told: how far telling it came, and sending again, pausing and trying its endpoint."""

import logging
from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from ...domain.endpoint_health import EndpointHealth
from ...domain.errors import NoSuchNotification, NotificationsOff
from ...domain.model import Order
from ...domain.notifications import Notification, NotificationState, NotificationType
from ...domain.roles import Role
from ...ports import Taken
from ..auth import Admin, Refunder, require
from ..context import ApiContext, Context
from ..exact_json_route import ExactJsonRoute
from ..problem_docs import problems
from ..showing import shown
from .finding import find_order
from .requests import Why

log = logging.getLogger(__name__)

router: Final = APIRouter(prefix="/api/operator", tags=["operator"], route_class=ExactJsonRoute)
viewer: Final = [Depends(require(Role.VIEWER))]


class AttemptView(BaseModel):
    at: datetime
    answer: str


class NotificationView(BaseModel):
    id: str = Field(description="Header `webhook-id` of every delivery.")
    sequence: int
    type: NotificationType
    state: NotificationState
    created_at: datetime
    attempts: int
    next_try_at: datetime | None
    log: list[AttemptView] = Field(description="What was met, the latest attempts, from the oldest.")

    @classmethod
    def of(cls, each: Notification) -> Self:
        return shown(cls, each, log=[shown(AttemptView, entry) for entry in each.log])


class Notifications(BaseModel):
    order_reference: str
    notifications: list[NotificationView] = Field(description="By sequence; old ones that were delivered are dropped.")

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(order_reference=order.reference, notifications=[NotificationView.of(each) for each in order.outbox])


class EndpointView(BaseModel):
    """Where notifications go and how that does."""

    address: str | None = Field(description="Null where no endpoint is set: then nothing is queued.")
    is_paused: bool
    paused_at: datetime | None
    paused_by: str = Field(description="An operator's name, or `rules` where it failed for too long.")
    failing_since: datetime | None
    why: str
    longest_waiting: datetime | None = Field(description="Since when a notification has been due.")

    @classmethod
    async def seen(cls, context: ApiContext, health: EndpointHealth) -> Self:
        return cls(
            address=context.notifier.address,
            is_paused=health.is_paused,
            paused_at=health.paused_at,
            paused_by=health.paused_by,
            failing_since=health.failing_since,
            why=health.why,
            longest_waiting=(await context.store.lag(context.mode)).notice_at,
        )


class TrialResult(BaseModel):
    taken: bool
    answer: str


@router.get("/orders/{order_reference:path}/notifications", dependencies=viewer, responses=problems(401, 403, 404, 503))
async def order_notifications(order_reference: str, context: Context) -> Notifications:
    """The delivery log of one order."""
    return Notifications.of(await find_order(context, order_reference))


@router.post(
    "/orders/{order_reference:path}/notifications/{number}/redeliver",
    responses=problems(401, 403, 404, NotificationsOff, NoSuchNotification, 503),
)
async def redeliver(
    order_reference: str, number: Annotated[int, Path(ge=1)], caller: Refunder, context: Context
) -> Notifications:
    """Send a notification again from its first attempt on: the same bytes under the same id.

    `number` is its sequence number."""
    order = await find_order(context, order_reference)
    order = await context.notifier.redeliver(order, number, by=caller.user)
    log.info("operator %s had notification %d of %s sent again", caller.user, number, order.id)
    return Notifications.of(order)


@router.get("/notification-endpoint", dependencies=viewer, responses=problems(401, 403, 503))
async def endpoint(context: Context) -> EndpointView:
    """Where notifications go, whether they are taken, and since when one waits."""
    return await EndpointView.seen(context, await context.notifier.health())


@router.post("/notification-endpoint/test", responses=problems(401, 403, NotificationsOff, 503))
async def try_endpoint(caller: Refunder, context: Context) -> TrialResult:
    """Send an `endpoint.test` event now, once, also while the endpoint is paused."""
    answer = await context.notifier.send_test()
    log.info("operator %s tried the shop's endpoint: %s", caller.user, answer.words)
    return TrialResult(taken=isinstance(answer, Taken), answer=answer.words)


@router.post("/notification-endpoint/pause", responses=problems(400, 401, 403, NotificationsOff, 415, 422, 503))
async def pause_endpoint(why: Why, caller: Admin, context: Context) -> EndpointView:
    """Send nothing until it is resumed; what falls due meanwhile waits and loses no attempt."""
    return await EndpointView.seen(context, await context.notifier.pause(by=caller.user, why=why.reason))


@router.post("/notification-endpoint/resume", responses=problems(401, 403, NotificationsOff, 503))
async def resume_endpoint(caller: Admin, context: Context) -> EndpointView:
    """Send everything that waits, beginning now."""
    log.warning("operator %s resumed notifications to the shop", caller.user)
    return await EndpointView.seen(context, await context.notifier.resume())
