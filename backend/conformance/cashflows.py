"""The harness of the Cashflows adapter: the simulator is the gateway, in both schemes."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from ..domain.money import Money, parse_currency
from ..domain.references import JobReference, OwnReference
from ..simulator import Clock, Simulator, SimulatorSettings
from .harness import Books, GatewayHarness, Webhook

URL: Final = "http://simulator.example"
NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


class CashflowsHarness(GatewayHarness):
    """``scheme`` as in CASHFLOWS_SCHEME."""

    gateway = "cashflows"

    def __init__(self, scheme: str = "hmac-sha256", *, auto_capture: bool = True) -> None:
        self._scheme = scheme
        self._deliveries: list[Webhook] = []
        account = SimulatorSettings(public_base_url=URL, auto_capture=auto_capture)
        to_shop = httpx.AsyncClient(transport=httpx.MockTransport(self._take_webhook))
        self._simulator = Simulator(account, webhook_client=to_shop, clock=Clock(lambda: NOON))
        self._levers = httpx.AsyncClient(transport=httpx.ASGITransport(self._simulator.app), base_url=URL)
        self.settings = {
            "CASHFLOWS_SCHEME": scheme,
            "CASHFLOWS_GATEWAY_URL": URL,
            "CASHFLOWS_MERCHANT_ID": account.configuration_id,
            "CASHFLOWS_API_KEY": account.api_key,
            "CASHFLOWS_API_SECRET": account.api_secret,
            "CASHFLOWS_WEBHOOK_SECRET": account.webhook_secret,
        }
        signing = "CASHFLOWS_API_KEY" if scheme == "sha512" else "CASHFLOWS_API_SECRET"
        self.credentials = ["CASHFLOWS_MERCHANT_ID", signing]
        self.secrets = ["CASHFLOWS_API_KEY", "CASHFLOWS_API_SECRET", "CASHFLOWS_WEBHOOK_SECRET"]
        self.webhook_secret = None if scheme == "sha512" else "CASHFLOWS_WEBHOOK_SECRET"

    async def __aexit__(self, *error: object) -> None:
        await self._levers.aclose()
        self._simulator.close()

    def now(self) -> datetime:
        return self._simulator.clock.now()

    def network(self) -> httpx.AsyncBaseTransport:
        return httpx.ASGITransport(self._simulator.app)

    async def pay(self, job: JobReference) -> None:
        await self._decide(job, "pay")

    async def decline(self, job: JobReference) -> None:
        await self._decide(job, "decline")

    async def jobs_for(self, own_reference: OwnReference) -> Sequence[JobReference]:
        return [JobReference(str(job["reference"])) for job in await self._jobs(order=own_reference)]

    async def books(self, job: JobReference) -> Books:
        facts = await self._facts(job)
        payments = facts["payments"]
        return Books(
            asked=Money(facts["amountMinor"], parse_currency(facts["currency"])),
            captured_minor=sum(payment["capturedMinor"] for payment in payments),
            refunded_minor=sum(payment["refundedMinor"] for payment in payments),
            refunds=sum(len(payment["refunds"]) for payment in payments),
            is_cancelled=facts["status"] == "Cancelled",
        )

    async def webhook(self, job: JobReference) -> Webhook:
        await self._simulator.deliver_due()
        facts = await self._facts(job)
        told = {job, *(payment["reference"] for payment in facts["payments"])}
        return [webhook for webhook in self._deliveries if told & set(json.loads(webhook.body).values())][-1]

    async def refuse_credentials(self) -> None:
        await self._fault("*", "unauthorized")

    async def invent_status(self, job: JobReference) -> None:
        await self._fault_of(job, "unknown-status.read", "unknown-status.webhook")

    async def misstate_amount(self, job: JobReference) -> None:
        await self._fault_of(job, "wrong-amount.read")

    async def misstate_currency(self, job: JobReference) -> None:
        await self._fault_of(job, "wrong-currency.read")

    async def delay_refunds(self, job: JobReference) -> None:
        await self._fault_of(job, "refund-pending.refund")

    async def fail_refunds(self, job: JobReference) -> None:
        await self._fault_of(job, "refund-failed.refund")

    def holding(self) -> "CashflowsHarness":
        return CashflowsHarness(self._scheme, auto_capture=False)

    async def _decide(self, job: JobReference, outcome: str) -> None:
        answer = await self._levers.post(f"/control/jobs/{job}/{outcome}")
        answer.raise_for_status()

    async def _jobs(self, **query: str) -> Sequence[Mapping[str, Any]]:
        jobs: list[Mapping[str, Any]] = (await self._levers.get("/jobs.json", params=query)).json()["jobs"]
        return jobs

    async def _facts(self, job: JobReference) -> Mapping[str, Any]:
        [facts] = [facts for facts in await self._jobs() if facts["reference"] == job]
        return facts

    async def _fault_of(self, job: JobReference, *scripts: str) -> None:
        facts = await self._facts(job)
        await self._fault(facts["orderNumber"], *scripts)

    async def _fault(self, order: str, *scripts: str) -> None:
        answer = await self._levers.put(f"/control/faults/{order}", json={"scripts": scripts})
        answer.raise_for_status()

    def _take_webhook(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._deliveries.append(Webhook(headers, request.content))
        return httpx.Response(200, content=request.content)


def published() -> CashflowsHarness:
    return CashflowsHarness("sha512")
