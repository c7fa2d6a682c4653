"""Act: capture, void, refund, ask the gateway, work through a delivery again; orders' histories tell who did."""

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from ..domain.operations import UNSETTLED, OperationKind, OperationState
from .exits import Exit, fail
from .output import AsJson, Progress, print_json, print_lines, progress
from .session import By, OrderArgument, Reason, find_order, load, whoever, with_services

if TYPE_CHECKING:
    from ..assemble import Services
    from ..domain.model import Order
    from ..domain.operations import Operation
    from ..service.operations import Asked

Amount: TypeAlias = Annotated[
    str | None, typer.Option(help="In major units of the order's currency; all that is left by default.")
]
Payment: TypeAlias = Annotated[str | None, typer.Option(help="The gateway's name of it, where several would fit.")]
Number: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, help="Which operation of the order this is to be; the same again is the same operation."),
]


def refund(
    order: OrderArgument,
    reason: Reason,
    amount: Amount = None,
    payment: Payment = None,
    number: Number = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Return captured money: recorded first, sent at most once."""
    _ask(OperationKind.REFUND, order, reason, amount, payment, number, by, as_json)


def capture(
    order: OrderArgument,
    reason: Reason,
    amount: Amount = None,
    payment: Payment = None,
    number: Number = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Take some or all of what is authorized."""
    _ask(OperationKind.CAPTURE, order, reason, amount, payment, number, by, as_json)


def void(
    order: OrderArgument,
    reason: Reason,
    payment: Payment = None,
    number: Number = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Release what is authorized, or take back a capture before the gateway's cut-off."""
    _ask(OperationKind.VOID, order, reason, None, payment, number, by, as_json)


def reconcile(
    order: Annotated[str | None, typer.Argument(help="Only this order, due or not.")] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Ask the gateway what became of one order, or of everything that is due now."""
    if order is not None:
        _check(order, whoever(by), as_json)
        return
    with progress("looked at") as tell:
        count = with_services(lambda services: _run_due(services, tell))
    print_json({"looked_at": count}) if as_json else print_lines([f"{count} orders and deliveries were due"])


def replay(
    delivery: Annotated[str, typer.Argument(help="The delivery's id, from `backend deliveries`.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Work through a webhook delivery again, as if it had just come; applying one twice changes nothing."""
    from ..domain.deliveries import DeliveryId

    async def work(services: "Services") -> str | None:
        if dry_run:
            return await services.inbox.preview(DeliveryId(delivery))
        if await services.inbox.replay(DeliveryId(delivery)) is None:
            return None
        await services.webhooks.run_pending()
        found = await services.store.get_delivery(DeliveryId(delivery))
        return found.outcome if found is not None else None

    told = with_services(work)
    if told is None:
        fail("there is no such delivery; `backend deliveries` lists them")
    print_json({"delivery": delivery, "dry_run": dry_run, "outcome": told}) if as_json else print_lines([told])


def _ask(
    kind: OperationKind,
    reference: str,
    reason: str,
    amount: str | None,
    payment: str | None,
    number: int | None,
    by: str,
    as_json: bool,
) -> None:
    from ..domain.money import Money
    from ..domain.planning import OperationAsk
    from ..domain.references import PaymentReference

    async def work(services: "Services") -> "Asked":
        order = await find_order(services, reference)
        minor = None if amount is None else Money.from_wire(amount, order.amount.currency).minor
        target = None if payment is None else PaymentReference(payment)
        wanted = OperationAsk(kind, whoever(by), reason, minor, target, number or len(order.operations) + 1)
        return await services.operations.ask(order, wanted)

    _tell(with_services(work), as_json)


def _tell(asked: "Asked", as_json: bool) -> None:
    from ..domain.explain import OPERATION_WORDS
    from ..domain.money import Money
    from ..domain.order_status import order_status

    order, operation = asked.order, asked.operation
    if as_json:
        print_json({"order": order.reference, "status": order_status(order), "operation": operation})
    else:
        amount = Money(operation.amount_minor, order.amount.currency)
        why = f" ({operation.outcome})" if operation.outcome else ""
        print_lines(
            [
                f"{operation.kind} {operation.number} of {amount} {OPERATION_WORDS[operation.state]}{why}",
                f"order {order.reference} is {order_status(order)}",
            ]
        )
        if operation.state is OperationState.PLANNED and not operation.may_be_sent:
            print_lines([_who_approves(order, operation)])
    if operation.state in UNSETTLED:
        raise typer.Exit(Exit.AWAY)
    if operation.state is not OperationState.SUCCEEDED:
        raise typer.Exit(Exit.REFUSED)


def _who_approves(order: "Order", operation: "Operation") -> str:
    """No command of its own: whoever may give commands here could be both of the two persons."""
    base_url = load().base_url
    return (
        f"it awaits a second person: somebody other than {operation.asked_by} approves it at "
        f"{base_url}/console/orders/{order.reference}, or with an operator's key by "
        f"POST {base_url}/api/operator/orders/{order.reference}/operations/{operation.number}/approve"
    )


def _check(reference: str, by: str, as_json: bool) -> None:
    from ..domain.order_status import order_status

    async def work(services: "Services") -> str:
        order = await find_order(services, reference)
        return order_status(await services.operations.check_now(order, by=by))

    status = with_services(work)
    print_json({"order": reference, "status": status}) if as_json else print_lines([f"order {reference} is {status}"])


async def _run_due(services: "Services", tell: Progress) -> int:
    """Bounded: work that fails falls due again later, so each round has less to do."""
    total = 0
    while done := await services.webhooks.run_pending() + await services.reconciler.run_due():
        total += done
        tell(total)
    return total
