"""A refusal names what it is about: the order, the operation, and what stands in the way."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from backend.domain.deciding import approve, resolve_attention, resolve_operation
from backend.domain.errors import DomainError
from backend.domain.events import OperationPlanned
from backend.domain.model import Order
from backend.domain.operations import OperationKind
from backend.domain.planning import OperationAsk, find_operation, plan_operation
from backend.domain.registering import check_registration
from backend.domain.statuses import PaymentStatus

from .builders import FIRST, after, fact, learn, opened, terms

REFUND = OperationKind.REFUND


def refunding(*, needs_approval: bool = False) -> Order:
    order = learn(opened(), fact(PaymentStatus.CAPTURED))
    plan = OperationPlanned(1, "TEST-001~r1", REFUND, 1, FIRST, 400, 0, "ann", "wrong size", None, needs_approval)
    return after(order, plan)


def void(order: Order) -> object:
    ask = OperationAsk(OperationKind.VOID, "ann", "sold out")
    return plan_operation(order, ask, lambda *_: frozenset({OperationKind.VOID}), approve_above_minor=None)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda order: approve(order, 1, "bob"), "operation 1 is planned"),
        (
            lambda _: approve(refunding(needs_approval=True), 1, "ann"),
            "operation 1 needs the approval of a person other",
        ),
        (lambda order: resolve_operation(order, 1, carried_out=True, by="ann", evidence=""), "operation 1 is planned"),
        (lambda order: find_operation(order, 2), "order TEST-001 has no operation 2"),
        (
            lambda order: resolve_attention(order, "overpaid", None, by="", evidence=""),
            "order TEST-001 has no such open",
        ),
        (
            lambda order: check_registration(order, replace(order.terms, owner=terms(owner="bob").owner)),
            "order TEST-001 e",
        ),
        (void, "refund 1 of the same payment is not settled yet"),
    ],
)
def test_a_refusal_says_what_it_is_about(attempt: Callable[[Order], object], words: str) -> None:
    with pytest.raises(DomainError) as refused:
        attempt(refunding())
    assert str(refused.value).startswith(words)
