"""What is read of a job: every payment in it, in the gateway's own amounts, and nothing that is not certain."""

import re

import pytest

from ...domain.errors import InvalidAmount
from ...domain.facts import EvidenceSource, JobSnapshot
from ...domain.money import Money, parse_currency
from ...domain.references import JobReference, OwnReference
from ...domain.statuses import NO_MONEY, PaymentStatus
from ...ports import Cancelled, NoSuchJob, NotSent, Unavailable, Unknown
from ..bench import OWN, PENCE, Bench, Checks, check
from ..wire import ELSEWHERE, NO_ANSWER, UNBELIEVABLE, Trouble

DIGEST = re.compile(r"[0-9a-f]{64}")


class ReadingChecks(Checks):
    @check
    async def test_a_job_nobody_paid_has_no_money_and_can_still_be_paid(self, bench: Bench) -> None:
        snapshot = await bench.look(await bench.create())
        assert snapshot.payable
        assert all(payment.status is PaymentStatus.PENDING for payment in snapshot.payments)
        assert not any(payment.captured_minor for payment in snapshot.payments)

    @check
    async def test_a_job_that_was_paid_says_so_once_and_in_full(self, bench: Bench) -> None:
        job = await bench.paid()
        snapshot = await bench.look(job)
        assert (snapshot.job_reference, snapshot.own_reference or OWN) == (job, OWN)
        [captured] = [payment for payment in snapshot.payments if payment.status is PaymentStatus.CAPTURED]
        assert captured.captured_minor in (PENCE, None)
        assert not snapshot.not_understood
        assert captured.refunded_minor in (0, None)

    @check
    async def test_the_amount_and_currency_are_the_gateways_own(self, bench: Bench) -> None:
        payment = await bench.payment(await bench.paid())
        assert payment.asked_amount is not None
        assert payment.asked_currency is not None
        assert Money.from_wire(payment.asked_amount, parse_currency(payment.asked_currency)) == Money(
            PENCE, bench.currency
        )

    @check
    async def test_an_amount_that_differs_is_reported_as_it_is(self, bench: Bench) -> None:
        """Whether it fits the order is for the domain to decide, so it must get to see it."""
        job = await bench.paid()
        await bench.harness.misstate_amount(job)
        answer = await bench.gateway.retrieve_payment_job(job)
        assert not _says_paid_in_full(answer, bench)

    @check
    async def test_a_currency_that_differs_is_reported_as_it_is(self, bench: Bench) -> None:
        job = await bench.paid()
        await bench.harness.misstate_currency(job)
        answer = await bench.gateway.retrieve_payment_job(job)
        assert not _says_paid_in_full(answer, bench)

    @check
    async def test_an_amount_that_is_not_exact_is_not_rounded(self, bench: Bench) -> None:
        job = await bench.paid()
        for told in (b"1234.505", b"1234.4999999", b"1,234.50", b"1.2345e3"):
            bench.wire.edit(lambda body, told=told: body.replace(b"1234.50", told).replace(b"123450", b"123450.5"))  # type: ignore[misc]
            assert not _says_paid_in_full(await bench.gateway.retrieve_payment_job(job), bench), told

    @check
    async def test_evidence_names_its_source_and_its_bytes(self, bench: Bench) -> None:
        evidence = (await bench.payment(await bench.paid())).evidence
        assert evidence.source is EvidenceSource.RETRIEVAL
        assert DIGEST.fullmatch(evidence.digest)
        assert evidence.wording

    @check
    async def test_a_declined_payment_took_no_money_and_leaves_the_page_open(self, bench: Bench) -> None:
        job = await bench.create()
        await bench.harness.decline(job)
        snapshot = await bench.look(job)
        assert snapshot.payments[-1].status in NO_MONEY
        assert not any(payment.captured_minor for payment in snapshot.payments)

    @check
    async def test_the_payment_that_the_money_is_on_is_found_after_a_declined_one(self, bench: Bench) -> None:
        job = await bench.create()
        await bench.harness.decline(job)
        before = {payment.payment_reference for payment in (await bench.look(job)).payments}
        await bench.harness.pay(job)
        snapshot = await bench.look(job)
        assert [payment.status for payment in snapshot.payments].count(PaymentStatus.CAPTURED) == 1
        assert before <= {payment.payment_reference for payment in snapshot.payments}, "a payment is gone"

    @check
    async def test_a_status_that_nobody_knows_is_not_paid_and_worth_another_look(self, bench: Bench) -> None:
        job = await bench.paid()
        known = (await bench.payment(job)).evidence.wording
        await bench.harness.invent_status(job)
        snapshot = await bench.look(job)
        assert all(payment.status is PaymentStatus.PENDING for payment in snapshot.payments)
        assert not any(payment.captured_minor for payment in snapshot.payments)
        assert snapshot.not_understood == {payment.payment_reference for payment in snapshot.payments}
        assert snapshot.payable, "what may be paid yet must go on being watched"
        assert snapshot.payments[0].evidence.wording not in ("", known), "the gateway's own word is kept"

    @check
    async def test_reading_twice_tells_the_same(self, bench: Bench) -> None:
        job = await bench.paid()
        assert (await bench.look(job)).payments == (await bench.look(job)).payments

    @check
    async def test_a_job_that_does_not_exist_is_told_from_one_that_cannot_be_read(self, bench: Bench) -> None:
        assert isinstance(await bench.gateway.retrieve_payment_job(bench.harness.unknown_job), NoSuchJob)

    @check
    async def test_the_reply_for_another_job_is_not_believed(self, bench: Bench) -> None:
        paid = await bench.paid()
        other = await bench.create(OwnReference("OTHER-1"))
        await bench.look(paid)
        bench.wire.replay(bench.wire.last_reply)
        assert isinstance(await bench.gateway.retrieve_payment_job(other), Unavailable)

    @check
    async def test_a_hostile_reference_leads_to_no_other_address(self, bench: Bench) -> None:
        """Unsigned webhooks carry references that strangers wrote."""
        marker = "100000000000000002"
        await bench.gateway.retrieve_payment_job(JobReference(marker))
        before, _, after = str(bench.wire.sent[-1].url).partition(marker)
        for hostile in ("../../secret", "x/../../secret", "x?all=1", "x#y", "..%2f..%2fsecret", "//evil.example/x"):
            bench.wire.sent.clear()
            answer = await bench.gateway.retrieve_payment_job(JobReference(hostile))
            assert isinstance(answer, (NoSuchJob, Unavailable))
            for sent in bench.wire.sent:
                inside = str(sent.url).removeprefix(before).removesuffix(after)
                assert str(sent.url).startswith(before), hostile
                assert not set("/?#") & set(inside), hostile

    @check
    async def test_a_read_that_is_lost_once_is_tried_again(self, bench: Bench) -> None:
        job = await bench.paid()
        for trouble in (Trouble.REPLY_LOST, Trouble.ERROR_503):
            bench.wire.make(trouble, times=1)
            assert isinstance(await bench.gateway.retrieve_payment_job(job), JobSnapshot)

    @pytest.mark.parametrize("trouble", [Trouble.NEVER_REACHED, *NO_ANSWER, *UNBELIEVABLE, Trouble.REDIRECT])
    @check
    async def test_a_read_without_an_answer_to_believe_says_nothing(self, bench: Bench, trouble: Trouble) -> None:
        job = await bench.paid()
        bench.wire.make(trouble)
        assert isinstance(await bench.gateway.retrieve_payment_job(job), Unavailable)
        assert not [sent for sent in bench.wire.sent if str(sent.url).startswith(ELSEWHERE)]

    @check
    async def test_a_cancelled_job_takes_no_more_money(self, bench: Bench) -> None:
        job = await bench.create()
        assert isinstance(await bench.gateway.cancel_payment_job(job), Cancelled)
        assert (await bench.harness.books(job)).is_cancelled
        assert not (await bench.look(job)).payable

    @check
    async def test_a_job_that_was_paid_is_not_cancelled_away(self, bench: Bench) -> None:
        job = await bench.paid()
        await bench.gateway.cancel_payment_job(job)
        assert (await bench.payment(job)).status is PaymentStatus.CAPTURED

    @pytest.mark.parametrize("trouble", [*NO_ANSWER, Trouble.ERROR_500, Trouble.REDIRECT])
    @check
    async def test_a_cancellation_without_a_clear_answer_is_unknown_and_sent_once(
        self, bench: Bench, trouble: Trouble
    ) -> None:
        job = await bench.create()
        before = len(bench.wire.changes)
        bench.wire.make(trouble)
        assert isinstance(await bench.gateway.cancel_payment_job(job), Unknown)
        assert len(bench.wire.changes) == before + 1

    @check
    async def test_a_cancellation_that_did_not_get_there_was_not_sent(self, bench: Bench) -> None:
        job = await bench.create()
        bench.wire.make(Trouble.NEVER_REACHED)
        assert isinstance(await bench.gateway.cancel_payment_job(job), NotSent)


def _says_paid_in_full(answer: object, bench: Bench) -> bool:
    """Whether the domain would take the answer for the order's money."""
    if not isinstance(answer, JobSnapshot):
        return False
    for payment in answer.payments:
        try:
            currency = parse_currency(payment.asked_currency or bench.currency)
            asked = Money.from_wire(payment.asked_amount or str(Money(PENCE, currency).to_wire()), currency)
        except InvalidAmount:
            continue
        if payment.status is PaymentStatus.CAPTURED and asked == Money(PENCE, bench.currency):
            return True
    return False
