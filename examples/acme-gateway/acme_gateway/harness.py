"""What has the conformance kit check Acme's adapter: ``pytest --gateway=acme``."""

from collections.abc import Sequence

import httpx

from backend.conformance.harness import Books, GatewayHarness, Webhook
from backend.domain.money import Money, parse_currency
from backend.domain.references import JobReference, OwnReference

from .pretend import PretendedAcme


class AcmeHarness(GatewayHarness):
    gateway = "acme"

    def __init__(self) -> None:
        self.settings = {"ACME_URL": "http://acme.example", "ACME_KEY": "key-012345", "ACME_WEBHOOK_SECRET": "whsec-1"}
        self.credentials = ("ACME_URL", "ACME_KEY")
        self.secrets = ("ACME_KEY", "ACME_WEBHOOK_SECRET")
        self.webhook_secret = "ACME_WEBHOOK_SECRET"  # noqa: S105 - a setting's name
        self.unknown_job = JobReference("c999")
        nobody = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
        self._acme = PretendedAcme(self.settings["ACME_KEY"], self.settings["ACME_WEBHOOK_SECRET"], nobody)

    def network(self) -> httpx.AsyncBaseTransport:
        return httpx.ASGITransport(self._acme.app)

    async def pay(self, job: JobReference) -> None:
        await self._acme.decide(job, "paid")

    async def decline(self, job: JobReference) -> None:
        await self._acme.decide(job, "declined")

    async def jobs_for(self, own_reference: OwnReference) -> Sequence[JobReference]:
        found = [checkout for checkout in self._acme.checkouts.values() if checkout["number"] == own_reference]
        return [JobReference(checkout["id"]) for checkout in found]

    async def books(self, job: JobReference) -> Books:
        checkout = self._acme.checkouts[job]
        payments = checkout["payments"]
        refunds = [refund for payment in payments for refund in payment["refunds"]]
        return Books(
            asked=Money(checkout["amount"], parse_currency(checkout["currency"])),
            captured_minor=sum(checkout["amount"] for payment in payments if payment["state"] == "paid"),
            refunded_minor=sum(refund["amount"] for refund in refunds if refund["state"] == "done"),
            refunds=len(refunds),
            is_cancelled=payments[-1]["state"] == "cancelled",
        )

    async def webhook(self, job: JobReference) -> Webhook:
        body, signature = self._acme.webhook(job)
        return Webhook({"acme-signature": signature, "content-type": "application/json"}, body)

    async def refuse_credentials(self) -> None:
        self._acme.refuses_credentials = True

    async def invent_status(self, job: JobReference) -> None:
        self._be_odd(job, "status")

    async def misstate_amount(self, job: JobReference) -> None:
        self._be_odd(job, "amount")

    async def misstate_currency(self, job: JobReference) -> None:
        self._be_odd(job, "currency")

    async def delay_refunds(self, job: JobReference) -> None:
        self._be_odd(job, "slow")

    async def fail_refunds(self, job: JobReference) -> None:
        self._be_odd(job, "failing")

    def _be_odd(self, job: JobReference, how: str) -> None:
        self._acme.odd.setdefault(job, set()).add(how)
