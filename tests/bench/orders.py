"""Orders with an open payment page, and the bodies that are sent about them."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from backend.domain.model import Order, order_id
from backend.domain.references import JobReference, OrderReference, OwnReference, PaymentReference
from backend.domain.terms import Mode
from tests.contracts.examples import an_order, with_job

CREATE: Final = (
    b'{"amount": "10.00", "currency": "GBP", "order_reference": "%s-%d", '
    b'"customer_email": "ann@example.com", "customer_name": "Ann Example"}'
)
CAPTURED: Final = (
    b'{"event": "payment.captured", "status": "captured", "paymentReference": "%s-1", "paymentJobReference": "%s", '
    b'"orderReference": "%s", "n": %d}'
)


def open_orders(size: int) -> Iterator[Order]:
    template = with_job(an_order(mode=Mode.INTEGRATION), "J")
    for reference in references_of(size):
        name = OrderReference(reference)
        job, payment = template.jobs[0], template.jobs[0].payments[0]
        payments = (replace(payment, reference=PaymentReference(f"{job_of(reference)}-1")),)
        job = replace(
            job, own_reference=OwnReference(reference), job_reference=JobReference(job_of(reference)), payments=payments
        )
        terms = replace(template.terms, reference=name)
        yield replace(template, id=order_id(Mode.INTEGRATION, name), terms=terms, jobs=(job,), next_check_at=None)


def references_of(size: int) -> list[str]:
    return [f"ORDER-{number}" for number in range(size)]


def job_of(reference: str) -> str:
    """What the gateway calls the order's payment job: a kind, the order's series if it has one, its number."""
    series, _, number = reference.rpartition("-")
    return f"9{number:0>11}" if series == "ORDER" else f"1{series.removeprefix('B'):0>4}{number:0>7}"
