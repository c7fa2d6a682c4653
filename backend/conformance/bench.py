"""One adapter on its bench: made from the harness's settings, on a wire that the checks control.

``check`` turns a coroutine into a plain test function, so that the checks need no plugin for asynchronous tests.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import pytest

from ..domain.facts import JobSnapshot, PaymentFact
from ..domain.money import CurrencyCode, Money, parse_currency
from ..domain.operations import OperationKind
from ..domain.references import JobReference, OrderReference, OwnReference, PaymentReference, UserId
from ..domain.standing import PaymentStanding
from ..domain.terms import Address, Customer, Mode, OrderLine, OrderTerms
from ..gateways.http import GatewayHttp
from ..gateways.registry import GatewayContext
from ..ports import JobRequest, OperationRequest, PaymentGateway, Redirect
from .harness import GatewayHarness, NotOffered, Webhook
from .wire import Wire

DEADLINE_SECONDS: Final = 5.0
PENCE: Final = 123450
OWN: Final = OwnReference("CONF/2026-001")
ADDRESS: Final = Address("17 Canary Wharf Mews", "", "Quillchester", "CQ1 7ZZ", "", "GB")
CUSTOMER: Final = Customer("zoe.canary@example.com", "Zoë Canary-Quill", "+44 20 7946 0017", ADDRESS, ADDRESS)
SHOP: Final = "https://shop.example"
NO_CHANGES: Final[Mapping[str, str | None]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Bench:
    harness: GatewayHarness
    gateway: PaymentGateway
    wire: Wire
    records: list[str] = field(default_factory=list)
    """Everything that was logged, with tracebacks."""

    def request(self, own_reference: OwnReference = OWN, amount: Money | None = None) -> JobRequest:
        amount = amount or Money(PENCE, parse_currency(self.harness.currencies[0]))
        return JobRequest(
            own_reference=own_reference,
            terms=OrderTerms(
                mode=Mode.INTEGRATION,
                reference=OrderReference("CONF/2026-001"),
                owner=UserId("customer-7"),
                customer=CUSTOMER,
                amount=amount,
                description='Two "entries" & a half',
                lines=(OrderLine("Entry <1>", 1, amount.minor),),
            ),
            expires_at=self.harness.now() + timedelta(hours=1),
            success_url=f"{SHOP}/paid?ref=CONF%2F2026-001",
            failed_url=f"{SHOP}/failed?ref=CONF%2F2026-001",
            cancel_url=f"{SHOP}/cancelled?ref=CONF%2F2026-001",
            webhook_url=f"{SHOP}/webhooks/{self.harness.gateway}",
        )

    async def create(self, own_reference: OwnReference = OWN) -> JobReference:
        created = await self.gateway.create_payment_job(self.request(own_reference))
        assert isinstance(created, Redirect), f"a plain order gets a page, not {created}"
        return created.job_reference

    async def paid(self) -> JobReference:
        job = await self.create()
        await self.harness.pay(job)
        return job

    async def look(self, job: JobReference) -> JobSnapshot:
        snapshot = await self.gateway.retrieve_payment_job(job)
        assert isinstance(snapshot, JobSnapshot), f"the job can be read, but the adapter says {snapshot}"
        return snapshot

    async def payment(self, job: JobReference) -> PaymentFact:
        """The payment that the job's money is on."""
        payments = (await self.look(job)).payments
        assert payments, "a job that the customer acted on has a payment"
        return max(payments, key=lambda payment: (payment.captured_minor or 0, payment.status == "captured"))

    async def operation(
        self, job: JobReference, kind: OperationKind = OperationKind.REFUND, minor: int = PENCE, name: str = "conf-r1"
    ) -> OperationRequest:
        payment = (await self.payment(job)).payment_reference
        return OperationRequest(kind, name, job, payment, Money(minor, self.currency))

    async def standing(self, job: JobReference) -> PaymentStanding:
        """As the domain knows it right after a look."""
        fact, now = await self.payment(job), self.harness.now()
        captured = PENCE if fact.captured_minor is None and fact.status == "captured" else fact.captured_minor or 0
        return PaymentStanding(fact.status, PENCE, captured, fact.refunded_minor or 0, now if captured else None)

    async def webhook(self, job: JobReference) -> Webhook:
        """A genuine delivery, let through as one."""
        webhook = await self.harness.webhook(job)
        self.gateway.verify_webhook(webhook.headers, webhook.body)
        return webhook

    @property
    def currency(self) -> CurrencyCode:
        return parse_currency(self.harness.currencies[0])

    @property
    def secret_values(self) -> list[str]:
        return [self.harness.settings[name] for name in self.harness.secrets]

    def said(self, *outcomes: object) -> str:
        """All that people may come to read: what was logged, and the outcomes as they would be shown."""
        return "\n".join([*self.records, *(repr(outcome) for outcome in outcomes)])


@asynccontextmanager
async def on_bench(
    harness: GatewayHarness,
    *,
    changed: Mapping[str, str | None] = NO_CHANGES,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> AsyncIterator[Bench]:
    """The adapter with some settings ``changed``, or taken away where they are None."""
    with _recording() as records:
        async with harness:
            settings = {name: value for name, value in {**harness.settings, **changed}.items() if value is not None}
            wire = Wire(harness.network())
            async with wire:
                http = GatewayHttp(wire, deadline_seconds=deadline_seconds, sleep=_no_pause)
                gateway = harness.make(GatewayContext(Mode.INTEGRATION, settings, http))
                yield Bench(harness, gateway, wire, records)


class Checks:
    """Base of every group of checks; ``make_harness`` is what the gateway's author gives."""

    def make_harness(self) -> GatewayHarness:
        raise NotImplementedError("return your GatewayHarness")


Check: TypeAlias = Callable[..., Coroutine[Any, Any, None]]


def check(function: Check) -> Callable[..., None]:
    """``function(self, bench, ...)`` as a test method; without a bench parameter it opens benches of its own."""
    signature = inspect.signature(function)
    has_bench = "bench" in signature.parameters

    def run(self: Checks, **given: object) -> None:
        asyncio.run(_run(self, function, has_bench, given))

    run.__name__, run.__qualname__, run.__doc__ = function.__name__, function.__qualname__, function.__doc__
    run.__module__ = function.__module__
    shown = [parameter for name, parameter in signature.parameters.items() if name != "bench"]
    run.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return run


async def _run(checks: Checks, function: Check, has_bench: bool, given: Mapping[str, object]) -> None:
    try:
        if not has_bench:
            await function(checks, **given)
            return
        async with on_bench(checks.make_harness()) as bench:
            await function(checks, bench, **given)
    except NotOffered:
        pytest.skip("the harness has no lever for this")


@contextmanager
def _recording() -> Iterator[list[str]]:
    """Every log record of the program as text, at every level."""
    records: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(logging.Formatter("%(name)s %(message)s").format(record))

    root, keep = logging.getLogger(), Keep()
    level = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        root.removeHandler(keep)
        root.setLevel(level)


async def _no_pause(_: float) -> None:
    """Reads are tried again at once: what is checked is what comes of them."""


UNKNOWN_PAYMENT: Final = PaymentReference("100000000000000001")
