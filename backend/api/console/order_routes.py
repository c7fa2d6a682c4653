"""Find orders, see one whole, and act on it: every action with its reason, under whoever is signed in."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from msgspec import to_builtins

from ...domain.card_numbers import refuse_card_numbers
from ...domain.cases import ACTIONS
from ...domain.errors import CardNumberNotAccepted, DomainError, InvalidInput
from ...domain.explain import explain
from ...domain.history import HistoryEntry
from ...domain.ledger import defects
from ...domain.model import Order
from ...domain.money import Money
from ...domain.operations import OperationKind
from ...domain.planning import OperationAsk
from ...domain.references import PaymentReference
from ...domain.roles import Role
from ...domain.searching import Cursor, OrderQuery
from ...domain.statuses import OrderStatus
from ...domain.texts import SHORTEST_REASON
from ...ports import StoreError
from ..context import ApiContext, Context
from ..errors import problem_of, told_of
from ..operator.cursors import read_cursor, write_cursor
from ..operator.finding import find_order
from .console_route import ConsoleRoute
from .door import Session
from .entry import Posted, PostedForm, SignedIn
from .pages import order_row, page

router: Final = APIRouter(prefix="/console/orders", include_in_schema=False, route_class=ConsoleRoute)

PAGE: Final = 50

DONE: Final = {
    "operation": "It is recorded. What became of it stands under Operations.",
    "checked": "The gateway was asked.",
    "cancelled": "The order is cancelled.",
    "reinstated": "The order is wanted again.",
    "resolved": "The case is closed.",
    "resent": "The notification is sent again.",
}


@router.get("")
async def search(
    request: Request,
    context: Context,
    session: SignedIn,
    q: str = "",
    status: str = "",
    attention: str = "",
    cursor: str | None = None,
) -> Response:
    text, wrong = q.strip()[:254], ""
    found: list[Order] = []
    try:
        for query in _queries(context, text, status, attention, read_cursor(cursor)):
            found = list(await context.store.search(query, PAGE + 1))
            if found:
                break
    except InvalidInput as exc:
        wrong = str(exc)
        text = "" if isinstance(exc, CardNumberNotAccepted) else text
    more = None
    if len(found) > PAGE:
        last = found[PAGE - 1]
        asked = {"q": text, "status": status, "attention": attention}
        more = urlencode(asked | {"cursor": write_cursor(Cursor(last.placed_at, last.id))})
    values = {
        "q": text,
        "status": status,
        "attention": attention,
        "statuses": list(OrderStatus),
        "orders": [order_row(order) for order in found[:PAGE]],
        "more": more,
        "wrong": wrong,
    }
    return page(request, context, session, "orders.html", values, HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK)


def _queries(context: ApiContext, text: str, status: str, attention: str, after: Cursor | None) -> list[OrderQuery]:
    """What a person may mean by ``text``, tried in this order."""
    refuse_card_numbers(text)
    try:
        wanted = OrderStatus(status) if status else None
    except ValueError:
        raise InvalidInput("choose one of the statuses in the list") from None
    common: dict[str, Any] = {"status": wanted, "needs_attention": True if attention else None, "after": after}
    if not text:
        return [OrderQuery(context.mode, **common)]
    if "@" in text:
        return [OrderQuery(context.mode, email=text, **common)]
    return [
        OrderQuery(context.mode, reference=text, **common),
        OrderQuery(context.mode, gateway_reference=text, **common),
    ]


@router.get("/{order_reference:path}")
async def see(order_reference: str, request: Request, context: Context, session: SignedIn, done: str = "") -> Response:
    order = await find_order(context, order_reference)
    return _order_page(request, context, session, order, done=DONE.get(done, ""))


@router.post("/{order_reference:path}/operations")
async def ask(order_reference: str, request: Request, posted: PostedForm, context: Context) -> Response:
    """Capture, void or refund: the form carries the operation's number, so that sending it twice is one operation."""

    async def act(order: Order, by: str, reason: str) -> None:
        try:
            kind, number = OperationKind(posted.text("kind")), int(posted.text("number", 4))
        except ValueError:
            raise InvalidInput("load the order's page again, and use its form") from None
        amount = posted.text("amount", 20)
        minor = Money.from_wire(amount, order.amount.currency).minor if amount else None
        payment = PaymentReference(posted.text("payment", 64))
        await context.operations.ask(order, OperationAsk(kind, by, reason, minor, payment, number))

    return await _act(request, posted, context, order_reference, Role.REFUNDER, act, "operation")


@router.post("/{order_reference:path}/operations/{number}/{decision}")
async def decide(
    order_reference: str, number: int, decision: str, request: Request, posted: PostedForm, context: Context
) -> Response:
    """Approve, abandon, or resolve an operation."""

    async def act(order: Order, by: str, reason: str) -> None:
        match decision:
            case "approve":
                await context.operations.approve(order, number, by=by)
            case "abandon":
                await context.operations.abandon(order, number, by=by, reason=reason)
            case "carried-out" | "not-carried-out":
                posted.require(Role.ADMIN)
                carried_out = decision == "carried-out"
                await context.operations.resolve_operation(
                    order, number, carried_out=carried_out, by=by, evidence=reason
                )
            case _:
                raise InvalidInput("load the order's page again, and use its form")

    needs_reason = decision != "approve"
    return await _act(request, posted, context, order_reference, Role.REFUNDER, act, "operation", needs_reason)


@router.post("/{order_reference:path}/check")
async def check(order_reference: str, request: Request, posted: PostedForm, context: Context) -> Response:
    async def act(order: Order, by: str, _: str) -> None:
        await context.operations.check_now(order, by=by)

    return await _act(request, posted, context, order_reference, Role.REFUNDER, act, "checked", needs_reason=False)


@router.post("/{order_reference:path}/cancel")
async def cancel(order_reference: str, request: Request, posted: PostedForm, context: Context) -> Response:
    async def act(order: Order, by: str, reason: str) -> None:
        await context.operations.cancel(order, by=by, reason=reason)

    return await _act(request, posted, context, order_reference, Role.ADMIN, act, "cancelled")


@router.post("/{order_reference:path}/reinstate")
async def reinstate(order_reference: str, request: Request, posted: PostedForm, context: Context) -> Response:
    async def act(order: Order, by: str, reason: str) -> None:
        await context.operations.reinstate(order, by=by, reason=reason)

    return await _act(request, posted, context, order_reference, Role.ADMIN, act, "reinstated")


@router.post("/{order_reference:path}/attention")
async def resolve(order_reference: str, request: Request, posted: PostedForm, context: Context) -> Response:
    async def act(order: Order, by: str, reason: str) -> None:
        code, detail = posted.text("code"), posted.text("detail", 1000)
        await context.operations.resolve_attention(order, code, detail, by=by, evidence=reason)

    return await _act(request, posted, context, order_reference, Role.ADMIN, act, "resolved")


@router.post("/{order_reference:path}/notifications/{sequence}")
async def redeliver(
    order_reference: str, sequence: int, request: Request, posted: PostedForm, context: Context
) -> Response:
    async def act(order: Order, by: str, _: str) -> None:
        await context.notifier.redeliver(order, sequence, by=by)

    return await _act(request, posted, context, order_reference, Role.REFUNDER, act, "resent", needs_reason=False)


Act = Callable[[Order, str, str], Awaitable[None]]


async def _act(
    request: Request,
    posted: Posted,
    context: ApiContext,
    reference: str,
    role: Role,
    act: Act,
    done: str,
    needs_reason: bool = True,
) -> Response:
    """Do it and show the order anew; what stood in the way is said on the order's page."""
    posted.require(role)
    order = await find_order(context, reference)
    reason = posted.text("reason")
    try:
        if needs_reason and len(reason) < SHORTEST_REASON:
            raise InvalidInput("give a reason: it stands in the order's history")
        refuse_card_numbers(reason)
        await act(order, posted.session.caller.user, reason)
    except (DomainError, StoreError) as exc:
        order = await find_order(context, reference)
        problem = problem_of(exc)
        return _order_page(
            request, context, posted.session, order, wrong=f"{problem.title}: {told_of(exc)}", status=problem.status
        )
    return RedirectResponse(f"/console/orders/{quote(reference)}?done={done}", HTTPStatus.SEE_OTHER)


def _order_page(
    request: Request,
    context: ApiContext,
    session: Session,
    order: Order,
    *,
    done: str = "",
    wrong: str = "",
    status: int = HTTPStatus.OK,
) -> Response:
    offers = list(context.operations.offers(order))
    values = {
        "order": order,
        "row": order_row(order),
        "told": explain(order, context.clock.now(), offers),
        "offers": offers,
        "next_number": len(order.operations) + 1,
        "open_items": [item for item in order.attention if item.is_open],
        "closed_items": [item for item in order.attention if not item.is_open],
        "actions": ACTIONS,
        "timeline": [_entry(entry) for entry in reversed(order.history)],
        "defects": defects(order),
        "done": done,
        "wrong": wrong,
        "path": f"/console/orders/{quote(order.reference)}",
    }
    return page(request, context, session, "order.html", values, status)


def _entry(entry: HistoryEntry) -> dict[str, Any]:
    """One line of the timeline, and the evidence behind it word for word."""
    details: dict[str, Any] = to_builtins(entry.event, builtin_types=(datetime,))
    what = details.pop("kind")
    details.pop("terms", None)  # stands under Facts
    details.pop("action_url", None)  # whoever has it holds the customer's payment page
    fact = details.get("fact")
    return {
        "number": entry.number,
        "at": entry.at,
        "actor": entry.actor,
        "what": what,
        "details": _flat(details),
        "wording": fact["evidence"]["wording"] if fact else "",
        "before": entry.before,
        "after": entry.after,
        "digest": entry.digest,
    }


def _flat(details: dict[str, Any], before: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in details.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name} ")
        elif value not in (None, "", (), []):
            flat[f"{before}{name}".replace("_", " ")] = str(value)
    return flat
