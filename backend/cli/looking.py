"""Look: search orders, see one, have it explained; deliveries and notifications. Nothing is changed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .exits import Exit, fail
from .output import AsJson, print_json, print_lines, print_table, words
from .session import OrderArgument, find_order, load, stored_order, with_services, with_store

if TYPE_CHECKING:
    from ..domain.deliveries import Delivery
    from ..domain.model import Order
    from ..domain.notifications import Notification

Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most this many, from the newest.")]


def orders(
    reference: Annotated[str | None, typer.Option(help="The order's reference, or how it begins.")] = None,
    email: Annotated[str | None, typer.Option(help="The customer's address.")] = None,
    gateway_reference: Annotated[str | None, typer.Option(help="The gateway's name of a job or a payment.")] = None,
    status: Annotated[str | None, typer.Option(help="Such as pending, paid, review.")] = None,
    attention: Annotated[bool, typer.Option("--attention", help="Only what a person must look at.")] = False,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Search orders; without conditions, the newest."""
    from ..domain.searching import OrderQuery
    from ..domain.statuses import OrderStatus

    try:
        wanted = None if status is None else OrderStatus(status)
    except ValueError:
        fail(f"status must be one of {', '.join(OrderStatus)}", Exit.USAGE)
    query = OrderQuery(
        load().mode,
        reference=reference,
        email=email,
        gateway_reference=gateway_reference,
        status=wanted,
        needs_attention=attention or None,
    )
    rows = [_order_row(order) for order in with_store(lambda store: store.search(query, limit))]
    print_json(rows) if as_json else print_table(rows, empty="no order fits")


def show(order: OrderArgument, as_json: AsJson = False) -> None:
    """One order: payments, operations, open cases and its history."""
    from ..domain.cases import ACTIONS

    found = stored_order(order)
    if as_json:
        print_json(_order_row(found) | {"order": found})
        return
    print_lines([f"{name + ':':<18} {words(value)}" for name, value in _order_row(found).items()])
    for item in found.attention:
        if item.is_open:
            print_lines([f"\nLook at this: {item.detail} ({item.code}); {ACTIONS.get(item.code, '')}"])
    print_lines(["", "Payments"])
    print_table(_payment_rows(found), empty="none")
    print_lines(["", "Operations"])
    print_table(_operation_rows(found), empty="none")
    print_lines(["", "History"])
    print_table(_history_rows(found), empty="none")


def explain(order: OrderArgument, as_json: AsJson = False) -> None:
    """What is known of an order and from which evidence, what is awaited, and what may be done, in words."""
    from ..assemble import Services
    from ..domain.explain import Explanation
    from ..domain.explain import explain as explained

    async def work(services: Services) -> Explanation:
        found = await find_order(services, order)
        return explained(found, services.clock.now(), services.operations.offers(found))

    told = with_services(work)
    print_json(told) if as_json else print_lines(told.sentences)


def deliveries(
    pending: Annotated[bool, typer.Option("--pending", help="Only those not worked through.")] = False,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """The gateway's webhooks as they were received, the last first."""
    from ..domain.searching import DeliveryQuery

    query = DeliveryQuery(load().mode, pending=pending or None)
    rows = [_delivery_row(found) for found in with_store(lambda store: store.search_deliveries(query, limit))]
    print_json(rows) if as_json else print_table(rows, empty="no delivery fits")


def notifications(
    order: Annotated[str | None, typer.Argument(help="Of this order; without one, what fails anywhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """What the shop is told, and how far telling it came."""
    from ..domain.cases import NOTIFICATION_FAILING
    from ..domain.searching import OrderQuery

    def failing(found: "Order") -> bool:
        return any(item.is_open and item.code == NOTIFICATION_FAILING for item in found.attention)

    if order is not None:
        told = [stored_order(order)]
    else:
        query = OrderQuery(load().mode, needs_attention=True)
        told = [found for found in with_store(lambda store: store.search(query, 200)) if failing(found)]
    rows = [_notification_row(found, each) for found in told for each in found.outbox]
    print_json(rows) if as_json else print_table(rows, empty="none")


def _order_row(order: "Order") -> dict[str, Any]:
    from ..domain.money import wire_amount
    from ..domain.order_status import order_status, totals
    from ..domain.risk import at_risk_minor

    currency, taken = order.amount.currency, totals(order)
    return {
        "order": order.reference,
        "status": order_status(order),
        "amount": str(order.amount),
        "captured": wire_amount(taken.captured_minor, currency),
        "refunded": wire_amount(taken.refunded_minor, currency),
        "at risk": wire_amount(at_risk_minor(order), currency),
        "placed": order.placed_at,
        "attention": sorted({item.code for item in order.attention if item.is_open}),
    }


def _payment_rows(order: "Order") -> list[dict[str, Any]]:
    from ..domain.money import wire_amount

    currency = order.amount.currency
    return [
        {
            "payment": payment.reference,
            "job": job.job_reference,
            "gateway": job.gateway,
            "status": payment.status,
            "authorized": wire_amount(payment.authorized_minor, currency),
            "captured": wire_amount(payment.captured_minor, currency),
            "refunded": wire_amount(payment.refunded_minor, currency),
        }
        for job in order.jobs
        for payment in job.payments
    ]


def _operation_rows(order: "Order") -> list[dict[str, Any]]:
    from ..domain.money import wire_amount

    return [
        {
            "number": each.number,
            "kind": each.kind,
            "amount": wire_amount(each.amount_minor, order.amount.currency),
            "payment": each.payment_reference,
            "state": each.state,
            "asked by": each.asked_by,
            "reason": each.reason,
            "outcome": each.outcome,
        }
        for each in order.operations
    ]


def _history_rows(order: "Order") -> list[dict[str, Any]]:
    return [
        {"at": entry.at, "who": entry.actor, "what": entry.event.kind.replace("_", " "), "status": entry.after}
        for entry in order.history
    ]


def _delivery_row(delivery: "Delivery") -> dict[str, Any]:
    return {
        "last received": delivery.last_at,
        "gateway": delivery.gateway,
        "received": delivery.received,
        "pending": delivery.is_pending,
        "outcome": delivery.outcome,
        "delivery": delivery.id,
    }


def _notification_row(order: "Order", each: "Notification") -> dict[str, Any]:
    return {
        "order": order.reference,
        "sequence": each.sequence,
        "type": each.type,
        "state": each.state,
        "attempts": each.attempts,
        "next try": each.next_try_at,
        "last answer": each.last_answer,
    }
