"""What nobody may read: secrets and signatures, card numbers, and what customers told us of themselves."""

from ...ports import OperationRequest
from ..bench import ADDRESS, CUSTOMER, Bench, Checks, check
from ..wire import CARD_NUMBER, NO_ANSWER, PLAIN_HEADERS, UNBELIEVABLE, Trouble

SHORTEST = 16
"""A header value shorter than this is no signature and no key."""


class SecrecyChecks(Checks):
    @check
    async def test_a_text_is_scrubbed_of_secrets(self, bench: Bench) -> None:
        for secret in bench.secret_values:
            assert secret not in bench.gateway.scrub(f"the key is {secret}, said twice: {secret}")

    @check
    async def test_a_text_is_scrubbed_of_what_signed_a_request(self, bench: Bench) -> None:
        await bench.create()
        for value in _sensitive(bench):
            assert value not in bench.gateway.scrub(f"sent with {value} in a header")

    @check
    async def test_a_text_is_scrubbed_of_what_signed_a_webhook(self, bench: Bench) -> None:
        webhook = await bench.webhook(await bench.paid())
        for name, value in webhook.headers.items():
            if name not in PLAIN_HEADERS and len(value) >= SHORTEST:
                assert value not in bench.gateway.scrub(f"{name}: {value}")

    @check
    async def test_a_text_is_scrubbed_of_card_numbers(self, bench: Bench) -> None:
        for number in (CARD_NUMBER, CARD_NUMBER.replace(" ", ""), CARD_NUMBER.replace(" ", "-"), "5555555555554444"):
            assert number not in bench.gateway.scrub(f"card {number} was refused")

    @check
    async def test_scrubbing_leaves_the_rest_as_it_is(self, bench: Bench) -> None:
        job = await bench.create()
        text = f"payment job {job} of order CONF/2026-001 over 1234.50 GBP answered 503 at 2026-03-02T12:00:00Z"
        assert bench.gateway.scrub(text) == text

    @check
    async def test_a_refusal_repeats_nothing_of_what_the_gateway_echoed(self, bench: Bench) -> None:
        request = await bench.operation(await bench.paid())
        bench.wire.make(Trouble.REFUSED_WITH_ECHO)
        said = bench.said(
            await bench.gateway.create_payment_job(bench.request()),
            await bench.gateway.cancel_payment_job(request.job_reference),
            await bench.gateway.change_payment(request),
            await bench.gateway.retrieve_payment_job(request.job_reference),
        )
        _holds_nothing_private(bench, said)

    @check
    async def test_no_trouble_puts_anything_private_into_a_log_or_an_outcome(self, bench: Bench) -> None:
        request = await bench.operation(await bench.paid())
        outcomes: list[object] = []
        for trouble in (Trouble.NEVER_REACHED, *NO_ANSWER, *UNBELIEVABLE, Trouble.REDIRECT):
            bench.wire.make(trouble)
            outcomes += await _every_call(bench, request)
        _holds_nothing_private(bench, bench.said(*outcomes))

    @check
    async def test_no_webhook_puts_anything_private_into_a_log(self, bench: Bench) -> None:
        webhook = await bench.webhook(await bench.paid())
        readings: list[object] = []
        for body in (webhook.body, webhook.body[:-1], CARD_NUMBER.encode()):
            try:
                bench.gateway.verify_webhook(webhook.headers, body)
                readings.append(bench.gateway.read_webhook(body))
            except Exception as exc:  # noqa: BLE001 - whatever it is, its text may be logged
                readings.append(exc)
        _holds_nothing_private(bench, bench.said(*readings))


async def _every_call(bench: Bench, request: OperationRequest) -> list[object]:
    return [
        await bench.gateway.create_payment_job(bench.request()),
        await bench.gateway.cancel_payment_job(request.job_reference),
        await bench.gateway.change_payment(request),
        await bench.gateway.retrieve_payment_job(request.job_reference),
    ]


def _sensitive(bench: Bench) -> set[str]:
    """What the requests carried in headers to prove who sends them."""
    harness = bench.harness
    known = {value for name, value in harness.settings.items() if name not in harness.secrets}
    values = {
        value for sent in bench.wire.sent for name, value in sent.headers.items() if name.lower() not in PLAIN_HEADERS
    }
    return {value for value in values - known if len(value) >= SHORTEST}


def _holds_nothing_private(bench: Bench, said: str) -> None:
    personal = (CUSTOMER.email, CUSTOMER.name, CUSTOMER.phone, ADDRESS.line_1, ADDRESS.postcode)
    for private in (*personal, CARD_NUMBER, *bench.secret_values, *_sensitive(bench)):
        assert private not in said, f"{private} can be read"
