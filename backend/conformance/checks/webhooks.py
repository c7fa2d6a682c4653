"""Webhooks: a signed one is a fact, an unsigned one a hint, and nothing in between."""

import json
from hashlib import sha256

import pytest

from ...domain.facts import EvidenceSource, Hint, SignedFact
from ...domain.statuses import NO_MONEY, PaymentStatus
from ...ports import WebhookNotConfigured, WebhookRejected, WebhookUnreadable
from ..bench import OWN, PENCE, Bench, Checks, check, on_bench
from ..harness import NotOffered
from ..wire import PLAIN_HEADERS

NOT_READABLE = (b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 5000, b'{"a":1,"a":2}', b"{}")
FORGED = {"status": "Paid", "paymentStatus": "Paid", "amount": "1234.50", "event": "payment.captured", "paid": True}


class WebhookChecks(Checks):
    @check
    async def test_a_genuine_delivery_names_its_order_or_its_job(self, bench: Bench) -> None:
        job = await bench.paid()
        reading = bench.gateway.read_webhook((await bench.webhook(job)).body)
        assert reading.job_reference == job or reading.own_reference == OWN
        assert reading.job_reference in (job, None)
        assert reading.own_reference in (OWN, None)

    @check
    async def test_a_signed_delivery_is_a_fact_and_an_unsigned_one_a_hint(self, bench: Bench) -> None:
        reading = bench.gateway.read_webhook((await bench.webhook(await bench.paid())).body)
        assert isinstance(reading, Hint if bench.harness.webhook_secret is None else SignedFact)

    @check
    async def test_a_fact_says_what_the_gateway_said_and_by_which_bytes(self, bench: Bench) -> None:
        _only_where_signed(bench)
        job = await bench.paid()
        webhook = await bench.webhook(job)
        reading = bench.gateway.read_webhook(webhook.body)
        assert isinstance(reading, SignedFact)
        assert reading.fact.status is PaymentStatus.CAPTURED
        assert reading.fact.captured_minor in (PENCE, None)
        assert reading.fact.payment_reference == (await bench.payment(job)).payment_reference
        evidence = reading.fact.evidence
        assert (evidence.source, evidence.digest) == (
            EvidenceSource.SIGNED_WEBHOOK,
            sha256(webhook.body).hexdigest(),
        )

    @check
    async def test_a_declined_payment_is_not_told_as_paid(self, bench: Bench) -> None:
        job = await bench.create()
        await bench.harness.decline(job)
        reading = bench.gateway.read_webhook((await bench.webhook(job)).body)
        if isinstance(reading, SignedFact):
            assert reading.fact.status in NO_MONEY
            assert not reading.fact.captured_minor

    @check
    async def test_a_status_that_nobody_knows_is_a_reason_to_look_and_no_more(self, bench: Bench) -> None:
        job = await bench.create()
        await bench.harness.invent_status(job)
        await bench.harness.pay(job)
        assert isinstance(bench.gateway.read_webhook((await bench.webhook(job)).body), Hint)

    @check
    async def test_a_delivery_without_its_signature_is_rejected(self, bench: Bench) -> None:
        _only_where_signed(bench)
        webhook = await bench.webhook(await bench.paid())
        with pytest.raises(WebhookRejected):
            bench.gateway.verify_webhook({}, webhook.body)

    @check
    async def test_a_delivery_that_was_changed_is_rejected(self, bench: Bench) -> None:
        _only_where_signed(bench)
        webhook = await bench.webhook(await bench.paid())
        for changed in (webhook.body + b" ", webhook.body[:-1], b""):
            with pytest.raises(WebhookRejected):
                bench.gateway.verify_webhook(webhook.headers, changed)

    @check
    async def test_a_signature_of_somebody_elses_is_rejected(self, bench: Bench) -> None:
        _only_where_signed(bench)
        webhook = await bench.webhook(await bench.paid())
        async with on_bench(self.make_harness(), changed={bench.harness.webhook_secret or "": "another"}) as other:
            with pytest.raises(WebhookRejected):
                other.gateway.verify_webhook(webhook.headers, webhook.body)

    @check
    async def test_a_signature_that_is_no_text_of_this_kind_is_rejected(self, bench: Bench) -> None:
        _only_where_signed(bench)
        webhook = await bench.webhook(await bench.paid())
        for nonsense in ("", "ü" * 64, "0" * 10_000, "\x00", "0" * 64):
            headers = {name: told if name in PLAIN_HEADERS else nonsense for name, told in webhook.headers.items()}
            with pytest.raises(WebhookRejected):
                bench.gateway.verify_webhook(headers, webhook.body)

    @check
    async def test_without_a_secret_nothing_is_accepted(self, bench: Bench) -> None:
        _only_where_signed(bench)
        webhook = await bench.webhook(await bench.paid())
        for missing in (None, ""):
            changed = {bench.harness.webhook_secret or "": missing}
            async with on_bench(self.make_harness(), changed=changed) as other:
                with pytest.raises(WebhookNotConfigured):
                    other.gateway.verify_webhook(webhook.headers, webhook.body)

    @check
    async def test_an_unsigned_delivery_is_a_hint_whatever_it_claims(self, bench: Bench) -> None:
        if bench.harness.webhook_secret is not None:
            raise NotOffered
        webhook = await bench.webhook(await bench.paid())
        forged = json.dumps(json.loads(webhook.body) | FORGED).encode()
        bench.gateway.verify_webhook({"x-signature": "0" * 64}, forged)
        assert isinstance(bench.gateway.read_webhook(forged), Hint)

    @check
    async def test_a_delivery_that_cannot_be_read_is_told_so(self, bench: Bench) -> None:
        for body in NOT_READABLE:
            with pytest.raises(WebhookUnreadable):
                bench.gateway.read_webhook(body)

    @check
    async def test_the_same_delivery_twice_reads_the_same(self, bench: Bench) -> None:
        webhook = await bench.webhook(await bench.paid())
        bench.gateway.verify_webhook(webhook.headers, webhook.body)
        assert bench.gateway.read_webhook(webhook.body) == bench.gateway.read_webhook(webhook.body)

    @check
    async def test_a_delivery_is_taken_in_without_a_call(self, bench: Bench) -> None:
        """Otherwise whoever floods the address with deliveries floods the gateway."""
        webhook = await bench.webhook(await bench.paid())
        before = len(bench.wire.sent)
        bench.gateway.verify_webhook(webhook.headers, webhook.body)
        bench.gateway.read_webhook(webhook.body)
        bench.gateway.acknowledgement(webhook.body)
        assert len(bench.wire.sent) == before

    @check
    async def test_the_acknowledgement_is_plain_text_under_plain_names(self, bench: Bench) -> None:
        acknowledgement = bench.gateway.acknowledgement((await bench.webhook(await bench.paid())).body)
        assert json.loads(json.dumps(dict(acknowledgement))) == acknowledgement
        assert all(isinstance(value, str) for value in acknowledgement.values())

    @check
    async def test_deliveries_are_read_while_calls_are_stopped(self, bench: Bench) -> None:
        webhook = await bench.webhook(await bench.paid())
        bench.gateway.suspend("another process was refused")
        bench.gateway.verify_webhook(webhook.headers, webhook.body)
        assert bench.gateway.read_webhook(webhook.body)


def _only_where_signed(bench: Bench) -> None:
    if bench.harness.webhook_secret is None:
        raise NotOffered
