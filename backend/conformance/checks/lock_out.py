"""Credentials that are refused: the calls stop before the gateway locks the account, and start again when told to."""

from ...domain.facts import JobSnapshot
from ...ports import NotSent, Redirect, Refused, Unavailable
from ..bench import Bench, Checks, check
from .secrecy import _every_call


class LockOutChecks(Checks):
    @check
    async def test_a_refusal_of_the_credentials_is_no_answer_about_a_job(self, bench: Bench) -> None:
        job = await bench.paid()
        await bench.harness.refuse_credentials()
        assert isinstance(await bench.gateway.retrieve_payment_job(job), Unavailable)

    @check
    async def test_a_create_with_credentials_that_are_refused_made_nothing(self, bench: Bench) -> None:
        await bench.harness.refuse_credentials()
        assert isinstance(await bench.gateway.create_payment_job(bench.request()), Refused)
        assert bench.gateway.refusal() is None, "one refusal may be a mistake of the gateway's"

    @check
    async def test_two_refusals_of_the_credentials_in_a_row_stop_every_call(self, bench: Bench) -> None:
        request = await bench.operation(await bench.paid())
        await bench.harness.refuse_credentials()
        for _ in range(2):
            await bench.gateway.create_payment_job(bench.request())
        assert bench.gateway.refusal()
        before = len(bench.wire.sent)
        created, cancelled, changed, read = await _every_call(bench, request)
        assert len(bench.wire.sent) == before, "further calls may lock the account"
        assert all(isinstance(outcome, NotSent) for outcome in (created, cancelled, changed))
        assert isinstance(read, Unavailable)

    @check
    async def test_a_refusal_is_said_in_the_log_and_names_no_secret(self, bench: Bench) -> None:
        await bench.harness.refuse_credentials()
        for _ in range(2):
            await bench.gateway.create_payment_job(bench.request())
        refusal = bench.gateway.refusal()
        assert refusal is not None
        assert any(refusal in record for record in bench.records)
        for secret in bench.secret_values:
            assert secret not in refusal

    @check
    async def test_an_adapter_that_is_suspended_calls_nobody(self, bench: Bench) -> None:
        request = await bench.operation(await bench.paid())
        before = len(bench.wire.sent)
        bench.gateway.suspend("another process was refused")
        created, cancelled, changed, read = await _every_call(bench, request)
        assert len(bench.wire.sent) == before
        assert all(isinstance(outcome, NotSent) for outcome in (created, cancelled, changed))
        assert isinstance(read, Unavailable)
        assert bench.gateway.refusal() == "another process was refused"

    @check
    async def test_an_adapter_that_is_resumed_calls_again(self, bench: Bench) -> None:
        job = await bench.create()
        bench.gateway.suspend("another process was refused")
        bench.gateway.resume()
        assert bench.gateway.refusal() is None
        assert isinstance(await bench.gateway.retrieve_payment_job(job), JobSnapshot)

    @check
    async def test_resuming_allows_one_more_refusal(self, bench: Bench) -> None:
        await bench.harness.refuse_credentials()
        for _ in range(2):
            await bench.gateway.create_payment_job(bench.request())
        bench.gateway.resume()
        assert isinstance(await bench.gateway.create_payment_job(bench.request()), Refused)
        assert bench.gateway.refusal(), "it is still refused, so the calls stop again at once"

    @check
    async def test_what_is_created_before_and_after_a_suspension_is_the_same(self, bench: Bench) -> None:
        bench.gateway.suspend("another process was refused")
        await bench.gateway.create_payment_job(bench.request())
        bench.gateway.resume()
        assert isinstance(await bench.gateway.create_payment_job(bench.request()), Redirect)
        assert len(await bench.harness.jobs_for(bench.request().own_reference)) == 1
