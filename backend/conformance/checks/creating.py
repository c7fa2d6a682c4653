"""Creating a payment job: what is asked for, and what each answer or its absence means."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest

from ...domain.money import Money, parse_currency
from ...domain.references import OwnReference
from ...ports import NotSent, Redirect, Refused, Unknown
from ..bench import OWN, PENCE, Bench, Checks, check, on_bench
from ..wire import ELSEWHERE, NO_ANSWER, UNBELIEVABLE, Trouble

WEB_ADDRESS = re.compile(rb'https?:(?:\\?/){2}[^"]*')
"""Also as JSON may escape it."""


class CreatingChecks(Checks):
    @check
    async def test_a_job_has_a_name_and_a_page(self, bench: Bench) -> None:
        created = await bench.gateway.create_payment_job(bench.request())
        assert isinstance(created, Redirect)
        page = urlsplit(created.action_url)
        assert page.scheme in ("https", "http")
        assert page.hostname
        assert created.job_reference in await bench.harness.jobs_for(OWN)

    @check
    async def test_creating_is_one_change(self, bench: Bench) -> None:
        await bench.create()
        assert len({(sent.method, sent.url) for sent in bench.wire.changes}) == len(bench.wire.changes)
        assert len(await bench.harness.jobs_for(OWN)) == 1

    @check
    async def test_the_exact_amount_is_asked_for_in_every_currency(self, bench: Bench) -> None:
        for number, code in enumerate(bench.harness.currencies):
            amount, own = Money(PENCE + number, parse_currency(code)), OwnReference(f"C-{code}")
            assert isinstance(await bench.gateway.create_payment_job(bench.request(own, amount)), Redirect)
            [job] = await bench.harness.jobs_for(own)
            assert (await bench.harness.books(job)).asked == amount

    @check
    async def test_the_smallest_and_a_large_amount_are_asked_for_exactly(self, bench: Bench) -> None:
        for minor in (1, 10, 29, 99_999_999):
            own, amount = OwnReference(f"A-{minor}"), Money(minor, bench.currency)
            assert isinstance(await bench.gateway.create_payment_job(bench.request(own, amount)), Redirect)
            [job] = await bench.harness.jobs_for(own)
            assert (await bench.harness.books(job)).asked == amount

    @check
    async def test_every_name_that_a_job_of_ours_may_have_comes_back_as_it_is(self, bench: Bench) -> None:
        for own in ("A-1", "A-1~2", "2026/03.18_x~20", f"{'Z' * 35}~19"):
            job = await bench.create(OwnReference(own))
            assert (await bench.look(job)).own_reference in (own, None)
            assert list(await bench.harness.jobs_for(OwnReference(own))) == [job]

    @check
    async def test_the_addresses_to_come_back_to_are_told(self, bench: Bench) -> None:
        await bench.create()
        told = " ".join(sent.plain_text for sent in bench.wire.changes)
        request = bench.request()
        for address in (request.success_url, request.cancel_url, request.webhook_url):
            assert address in told, f"{address} is not told to the gateway"

    @check
    async def test_jobs_created_at_once_do_not_mix(self, bench: Bench) -> None:
        names = [OwnReference(f"M-{number}") for number in range(10)]
        jobs = await asyncio.gather(*(bench.create(name) for name in names))
        assert len(set(jobs)) == len(names)
        for name, job in zip(names, jobs, strict=True):
            assert (await bench.look(job)).own_reference in (name, None)

    @check
    async def test_a_gateway_that_is_not_reached_was_sent_nothing(self, bench: Bench) -> None:
        bench.wire.make(Trouble.NEVER_REACHED)
        assert isinstance(await bench.gateway.create_payment_job(bench.request()), NotSent)
        assert await bench.harness.jobs_for(OWN) == []

    @pytest.mark.parametrize("trouble", NO_ANSWER)
    @check
    async def test_a_create_without_an_answer_is_unknown_and_sent_once(self, bench: Bench, trouble: Trouble) -> None:
        bench.wire.make(trouble)
        assert isinstance(await bench.gateway.create_payment_job(bench.request()), Unknown)
        assert len(bench.wire.changes) == 1
        assert len(await bench.harness.jobs_for(OWN)) == 1

    @pytest.mark.parametrize("trouble", UNBELIEVABLE)
    @check
    async def test_a_create_with_an_answer_nobody_can_believe_is_unknown(self, bench: Bench, trouble: Trouble) -> None:
        bench.wire.make(trouble)
        assert isinstance(await bench.gateway.create_payment_job(bench.request()), Unknown)
        assert len(bench.wire.changes) == 1

    @check
    async def test_a_page_that_is_no_web_address_is_not_handed_out(self, bench: Bench) -> None:
        for address in (b"javascript:alert(1)", b"//evil.example/", b"data:text/html,x", b"https://a\\\\@b/"):
            bench.wire.edit(lambda body, address=address: WEB_ADDRESS.sub(address, body))  # type: ignore[misc]
            assert isinstance(await bench.gateway.create_payment_job(bench.request()), Unknown), address

    @check
    async def test_silence_is_unknown_at_the_deadline(self) -> None:
        async with on_bench(self.make_harness(), deadline_seconds=0.05) as bench:
            bench.wire.make(Trouble.SILENCE)
            assert isinstance(await bench.gateway.create_payment_job(bench.request()), Unknown)

    @check
    async def test_a_redirect_is_not_followed_and_means_nothing(self, bench: Bench) -> None:
        bench.wire.make(Trouble.REDIRECT)
        assert isinstance(await bench.gateway.create_payment_job(bench.request()), Unknown)
        assert not [sent for sent in bench.wire.sent if str(sent.url).startswith(ELSEWHERE)]

    @check
    async def test_a_refusal_of_the_gateways_own_is_a_refusal(self, bench: Bench) -> None:
        bench.wire.make(Trouble.REFUSED_WITH_ECHO)
        assert isinstance(await bench.gateway.create_payment_job(bench.request()), Refused)

    @check
    async def test_a_call_that_is_cancelled_ends(self, bench: Bench) -> None:
        bench.wire.make(Trouble.SILENCE)
        call = asyncio.create_task(bench.gateway.create_payment_job(bench.request()))
        await bench.wire.arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    @check
    async def test_after_any_trouble_the_next_create_works(self, bench: Bench) -> None:
        for number, trouble in enumerate((Trouble.NEVER_REACHED, *NO_ANSWER, *UNBELIEVABLE)):
            bench.wire.make(trouble)
            await bench.gateway.create_payment_job(bench.request(OwnReference(f"T-{number}")))
            bench.wire.calm()
            await bench.create(OwnReference(f"T-{number}~2"))
