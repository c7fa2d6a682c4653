"""Captures, voids and refunds: only what is allowed, sent once, and known by our own number."""

from datetime import UTC, datetime

import pytest

from ...domain.facts import RefundState
from ...domain.operations import OperationKind
from ...domain.standing import PaymentStanding
from ...domain.statuses import NO_MONEY, PaymentStatus
from ...ports import Done, NotSent, OperationRequest, Refused, Unknown, Waiting
from ..bench import PENCE, UNKNOWN_PAYMENT, Bench, Checks, check, on_bench
from ..wire import NO_ANSWER, UNBELIEVABLE, Trouble

CAPTURE, VOID, REFUND = OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND
WHEN = datetime(2026, 3, 2, 12, tzinfo=UTC)


class OperationChecks(Checks):
    @check
    async def test_a_payment_without_money_allows_nothing(self, bench: Bench) -> None:
        for status in (PaymentStatus.PENDING, *NO_MONEY):
            standing = PaymentStanding(status, 0, 0, 0, None)
            assert bench.gateway.allowed_operations(standing, WHEN) == frozenset(), status

    @check
    async def test_a_payment_that_was_given_back_in_full_allows_no_refund_and_no_void(self, bench: Bench) -> None:
        refunded = PaymentStanding(PaymentStatus.CAPTURED, PENCE, PENCE, PENCE, WHEN)
        voided = PaymentStanding(PaymentStatus.VOIDED, PENCE, PENCE, 0, WHEN)
        for standing in (refunded, voided):
            assert not bench.gateway.allowed_operations(standing, WHEN) & {REFUND, VOID}

    @check
    async def test_a_capture_is_allowed_of_authorized_money_only(self, bench: Bench) -> None:
        for captured in (PENCE, 0):
            standing = PaymentStanding(PaymentStatus.CAPTURED, PENCE, captured or PENCE, 0, WHEN)
            assert CAPTURE not in bench.gateway.allowed_operations(standing, WHEN)
        assert REFUND not in bench.gateway.allowed_operations(
            PaymentStanding(PaymentStatus.AUTHORIZED, PENCE, 0, 0, None), WHEN
        )

    @check
    async def test_whatever_a_paid_payment_allows_is_carried_out(self) -> None:
        for kind in OperationKind:
            async with on_bench(self.make_harness()) as bench:
                await _carried_out_if_allowed(bench, kind)

    @check
    async def test_whatever_an_authorized_payment_allows_is_carried_out(self) -> None:
        for kind in OperationKind:
            async with on_bench(self.make_harness().holding()) as bench:
                await _carried_out_if_allowed(bench, kind)

    @check
    async def test_authorized_money_is_not_paid_until_it_is_captured(self) -> None:
        async with on_bench(self.make_harness().holding()) as bench:
            job = await bench.paid()
            fact = await bench.payment(job)
            assert (fact.status, fact.captured_minor or 0) == (PaymentStatus.AUTHORIZED, 0)
            assert isinstance(await bench.gateway.change_payment(await bench.operation(job, CAPTURE)), Done | Waiting)
            assert (await bench.payment(job)).status is PaymentStatus.CAPTURED

    @check
    async def test_a_void_releases_what_was_authorized(self) -> None:
        async with on_bench(self.make_harness().holding()) as bench:
            job = await bench.paid()
            assert isinstance(await bench.gateway.change_payment(await bench.operation(job, VOID)), Done | Waiting)
            assert (await bench.payment(job)).status in (PaymentStatus.CANCELLED, PaymentStatus.VOIDED)

    @check
    async def test_a_refund_gives_back_exactly_what_was_asked(self, bench: Bench) -> None:
        job = await bench.paid()
        outcome = await bench.gateway.change_payment(await bench.operation(job, minor=2901))
        assert isinstance(outcome, Done | Waiting)
        books = await bench.harness.books(job)
        assert (books.refunded_minor, books.refunds) == (2901, 1)
        assert (await bench.payment(job)).status is PaymentStatus.CAPTURED

    @check
    async def test_refunds_add_up_to_what_was_captured_and_no_further(self, bench: Bench) -> None:
        job = await bench.paid()
        for name, minor in (("conf-r1", 100000), ("conf-r2", PENCE - 100000)):
            assert isinstance(await bench.gateway.change_payment(await bench.operation(job, REFUND, minor, name)), Done)
        assert (await bench.payment(job)).refunded_minor == PENCE
        assert isinstance(await bench.gateway.change_payment(await bench.operation(job, REFUND, 1, "conf-r3")), Refused)
        assert (await bench.harness.books(job)).refunded_minor == PENCE

    @check
    async def test_a_refund_is_found_again_by_our_own_number(self, bench: Bench) -> None:
        """After a lost reply, this is how it is established whether the refund exists."""
        job = await bench.paid()
        await bench.gateway.change_payment(await bench.operation(job, minor=500, name="conf-r7"))
        [refund] = (await bench.payment(job)).refunds
        assert (refund.own_reference, refund.amount_minor, refund.state) == ("conf-r7", 500, RefundState.COMPLETED)

    @check
    async def test_a_refund_that_takes_its_time_is_waited_for(self, bench: Bench) -> None:
        job = await bench.paid()
        await bench.harness.delay_refunds(job)
        assert isinstance(await bench.gateway.change_payment(await bench.operation(job)), Waiting)
        fact = await bench.payment(job)
        assert fact.refunded_minor in (0, None), "what is pending is not given back"
        assert [refund.state for refund in fact.refunds] == [RefundState.PENDING]

    @check
    async def test_a_refund_that_fails_gave_nothing_back(self, bench: Bench) -> None:
        job = await bench.paid()
        await bench.harness.fail_refunds(job)
        assert isinstance(await bench.gateway.change_payment(await bench.operation(job)), Refused)
        fact = await bench.payment(job)
        assert fact.refunded_minor in (0, None)
        assert fact.status is PaymentStatus.CAPTURED

    @pytest.mark.parametrize("trouble", NO_ANSWER)
    @check
    async def test_a_refund_without_an_answer_is_unknown_and_never_sent_again(
        self, bench: Bench, trouble: Trouble
    ) -> None:
        await _is_unknown_and_sent_once(bench, trouble)

    @pytest.mark.parametrize("trouble", UNBELIEVABLE)
    @check
    async def test_a_refund_with_an_answer_nobody_can_believe_is_unknown_and_never_sent_again(
        self, bench: Bench, trouble: Trouble
    ) -> None:
        await _is_unknown_and_sent_once(bench, trouble)

    @check
    async def test_a_refund_that_is_redirected_is_unknown_and_not_followed(self, bench: Bench) -> None:
        request = await bench.operation(await bench.paid(), minor=2901)
        before = len(bench.wire.sent)
        bench.wire.make(Trouble.REDIRECT)
        assert isinstance(await bench.gateway.change_payment(request), Unknown)
        assert len(bench.wire.sent) == before + 1

    @check
    async def test_a_refund_that_did_not_get_there_was_not_sent(self, bench: Bench) -> None:
        job = await bench.paid()
        request = await bench.operation(job)
        bench.wire.make(Trouble.NEVER_REACHED)
        assert isinstance(await bench.gateway.change_payment(request), NotSent)
        assert (await bench.harness.books(job)).refunds == 0

    @check
    async def test_a_refund_that_the_gateway_refuses_is_refused(self, bench: Bench) -> None:
        request = await bench.operation(await bench.paid())
        bench.wire.make(Trouble.REFUSED_WITH_ECHO)
        assert isinstance(await bench.gateway.change_payment(request), Refused)

    @check
    async def test_an_operation_on_a_payment_that_does_not_exist_is_refused(self, bench: Bench) -> None:
        known = await bench.operation(await bench.paid())
        request = OperationRequest(REFUND, "conf-r9", known.job_reference, UNKNOWN_PAYMENT, known.amount)
        assert isinstance(await bench.gateway.change_payment(request), Refused)

    @pytest.mark.parametrize("kind", [CAPTURE, VOID])
    @check
    async def test_a_capture_or_void_without_an_answer_is_unknown_and_sent_once(self, kind: OperationKind) -> None:
        for trouble in NO_ANSWER:
            async with on_bench(self.make_harness().holding()) as bench:
                request = await bench.operation(await bench.paid(), kind)
                before = len(bench.wire.changes)
                bench.wire.make(trouble)
                assert isinstance(await bench.gateway.change_payment(request), Unknown)
                assert len(bench.wire.changes) == before + 1


async def _carried_out_if_allowed(bench: Bench, kind: OperationKind) -> None:
    job = await bench.paid()
    standing = await bench.standing(job)
    if kind in bench.gateway.allowed_operations(standing, bench.harness.now()):
        outcome = await bench.gateway.change_payment(await bench.operation(job, kind))
        assert isinstance(outcome, Done | Waiting), f"{kind} is said to be allowed, and comes to {outcome}"


async def _is_unknown_and_sent_once(bench: Bench, trouble: Trouble) -> None:
    job = await bench.paid()
    request = await bench.operation(job, minor=2901)
    before = len(bench.wire.changes)
    bench.wire.make(trouble)
    assert isinstance(await bench.gateway.change_payment(request), Unknown)
    assert len(bench.wire.changes) == before + 1, "an operation that may have happened is never sent again"
    books = await bench.harness.books(job)
    assert (books.refunded_minor, books.refunds) == (2901, 1)
    bench.wire.calm()
    assert [refund.own_reference for refund in (await bench.payment(job)).refunds] == [request.own_reference]
