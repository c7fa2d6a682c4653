"""The shop's endpoint for notifications: how it does, trying it, pausing and resuming it."""

import logging
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...domain.card_numbers import refuse_card_numbers
from ...domain.errors import DomainError, InvalidInput
from ...domain.roles import Role
from ...domain.texts import SHORTEST_REASON
from ...ports import StoreError, Taken
from ..context import ApiContext, Context
from ..errors import problem_of, told_of
from .console_route import ConsoleRoute
from .door import Session
from .entry import Posted, PostedForm, SignedIn
from .once import claim, new_key, note, outcome_of
from .pages import page

log = logging.getLogger(__name__)

router: Final = APIRouter(prefix="/console/notifications", include_in_schema=False, route_class=ConsoleRoute)

NEEDED: Final = {"test": Role.REFUNDER, "pause": Role.ADMIN, "resume": Role.ADMIN}


@router.get("")
async def see(request: Request, context: Context, session: SignedIn, done: str = "") -> Response:
    return await _endpoint_page(request, context, session, done=await outcome_of(context, done))


@router.post("/{what}")
async def act(what: str, request: Request, posted: PostedForm, context: Context) -> Response:
    """Once for each form that was shown; what stood in the way is said on the page."""
    if what not in NEEDED:
        raise InvalidInput("load the page again, and use its form")
    posted.require(NEEDED[what])
    key = posted.text("key")
    try:
        reason = _reason(posted)
        if await claim(context, key):
            await note(context, key, await _carry_out(what, context, posted.session.caller.user, reason))
    except (DomainError, StoreError) as exc:
        problem = problem_of(exc)
        wrong = f"{problem.title}: {told_of(exc)}"
        return await _endpoint_page(request, context, posted.session, wrong=wrong, status=problem.status)
    return RedirectResponse(f"/console/notifications?done={key}", HTTPStatus.SEE_OTHER)


def _reason(posted: Posted) -> str:
    reason = posted.text("reason")
    if len(reason) < SHORTEST_REASON:
        raise InvalidInput("give a reason: it stands in the log, and on this page while notifications are paused")
    refuse_card_numbers(reason)
    return reason


async def _carry_out(what: str, context: ApiContext, by: str, reason: str) -> str:
    """What came of it, in words."""
    notifier = context.notifier
    match what:
        case "test":
            answer = await notifier.send_test()
            told = f"The test event was {'taken' if isinstance(answer, Taken) else 'not taken'}: {answer.words}"
        case "pause":
            health = await notifier.pause(by=by, why=reason)
            ours = (health.paused_by, health.why) == (by, reason)
            told = "Notifications are paused." if ours else f"They were paused already, by {health.paused_by}."
        case _:
            await notifier.resume()
            told = "Notifications are sent again."
    log.warning("operator %s: %s of notifications to the shop (%s): %s", by, what, reason, told)
    return told


async def _endpoint_page(
    request: Request,
    context: ApiContext,
    session: Session,
    *,
    done: str = "",
    wrong: str = "",
    status: int = HTTPStatus.OK,
) -> Response:
    lag = await context.store.lag(context.mode)
    values = {
        "address": context.notifier.address,
        "endpoint": await context.notifier.health(),
        "waiting_since": lag.notice_at,
        "key": new_key(),
        "done": done,
        "wrong": wrong,
    }
    return page(request, context, session, "notifications.html", values, status)
