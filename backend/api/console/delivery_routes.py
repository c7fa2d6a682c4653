"""Webhook deliveries: as they came, what became of them, and working through one again."""

import logging
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...domain.deliveries import Delivery, DeliveryId
from ...domain.errors import InvalidInput
from ...domain.roles import Role
from ...domain.searching import Cursor, DeliveryQuery
from ..context import ApiContext, Context
from ..errors import NoSuchDelivery
from ..operator.cursors import read_cursor, write_cursor
from .console_route import ConsoleRoute
from .door import Session
from .entry import PostedForm, SignedIn
from .pages import page

log = logging.getLogger(__name__)

router: Final = APIRouter(prefix="/console/deliveries", include_in_schema=False, route_class=ConsoleRoute)

PAGE: Final = 50


@router.get("")
async def search(
    request: Request, context: Context, session: SignedIn, pending: str = "", cursor: str | None = None
) -> Response:
    try:
        after = read_cursor(cursor)
    except InvalidInput:
        after = None
    query = DeliveryQuery(context.mode, pending=True if pending else None, after=after)
    found = await context.store.search_deliveries(query, PAGE + 1)
    more = None
    if len(found) > PAGE:
        last = found[PAGE - 1]
        more = urlencode({"pending": pending, "cursor": write_cursor(Cursor(last.last_at, last.id))})
    return page(
        request,
        context,
        session,
        "deliveries.html",
        {"deliveries": found[:PAGE], "more": more, "pending": pending},
    )


@router.get("/{delivery_id:path}")
async def see(delivery_id: str, request: Request, context: Context, session: SignedIn, done: str = "") -> Response:
    delivery = await _find(context, delivery_id)
    told = "It is worked through again; reload to see what became of it." if done else ""
    return _delivery_page(request, context, session, delivery, {"done": told})


@router.post("/{delivery_id:path}/replay")
async def replay(delivery_id: str, request: Request, posted: PostedForm, context: Context) -> Response:
    """Work through it again, or only say what that would do; applying one twice changes nothing."""
    posted.require(Role.REFUNDER)
    delivery = await _find(context, delivery_id)
    if posted.text("how") == "dry-run":
        foreseen = await context.inbox.preview(delivery.id)
        return _delivery_page(request, context, posted.session, delivery, {"foreseen": foreseen})
    await context.inbox.replay(delivery.id)
    log.info("operator %s had delivery %s worked through again", posted.session.caller.user, delivery.id)
    return RedirectResponse(f"/console/deliveries/{delivery.id}?done=1", HTTPStatus.SEE_OTHER)


def _delivery_page(
    request: Request, context: ApiContext, session: Session, delivery: Delivery, told: dict[str, Any]
) -> Response:
    gateway = context.gateways.get(delivery.gateway)
    text = delivery.body.decode("utf-8", "replace")
    body = gateway.scrub(text) if gateway is not None else "(its gateway is not configured here)"
    return page(request, context, session, "delivery.html", {"delivery": delivery, "body": body, **told})


async def _find(context: ApiContext, delivery_id: str) -> Delivery:
    delivery = await context.store.get_delivery(DeliveryId(delivery_id))
    if delivery is None or delivery.mode is not context.mode:
        raise NoSuchDelivery
    return delivery
