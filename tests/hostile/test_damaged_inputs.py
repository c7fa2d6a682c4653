"""Every parser, fed with what was right once and is damaged: a value or its own error, and no forgery gets through.

A thousand or two inputs each by default; ``make fuzz`` takes a hundred times as many (MUTANTS).
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import pytest
from pydantic import ValidationError

from backend.api.errors import InvalidIdempotencyKey, NotAuthenticated
from backend.api.layers.idempotency import parse_key
from backend.api.operator.cursors import read_cursor
from backend.api.schemas import CompleteCheckout, CreatePayment
from backend.api.tokens import TokenVerifier
from backend.config import Settings
from backend.domain import exact_json
from backend.domain.errors import CardNumberNotAccepted, InvalidInput, InvalidJson
from backend.domain.job_tokens import JobTokens
from backend.domain.money import CurrencyCode, Money, parse_currency
from backend.domain.references import OrderReference, OwnReference, parse_order_reference, split_own_reference
from backend.gateways.cashflows.schemes import HmacSha256, Sha512
from backend.gateways.cashflows.signing import webhook_signature
from backend.gateways.cashflows.wire import read_created, read_error_code, read_job, read_methods
from backend.gateways.reading import WireError
from backend.ports import WebhookRejected, WebhookUnreadable
from tests.api.program import CREATE, JWT_SECRET, token
from tests.gateways.test_cashflows_wire import created, job, payment

from .mutants import mutants

MUTANTS: Final = int(os.environ.get("MUTANTS", "1500"))
SEED: Final = int(os.environ.get("SEED", "1"))
WEBHOOK_SECRET: Final = "a-webhook-secret"
SIGNED, PUBLISHED = HmacSha256("s", WEBHOOK_SECRET), Sha512("k")


def wire(*documents: Any) -> Sequence[bytes]:
    return [json.dumps(document).encode() for document in documents]


WEBHOOKS: Final = wire(
    {"event": "payment.captured", "status": "captured", "paymentReference": "210221117473470476",
     "paymentJobReference": "210221000033558552", "orderReference": "TEST-001", "amount": "10.00", "currency": "GBP"},
    {"status": "declined", "paymentReference": "210221117473470476", "orderReference": "TEST-001~2"},
    {"notifyType": "Payment", "paymentJobReference": "210221000033558552", "paymentReference": "210221117473470476"},
)  # fmt: skip
REFUND: Final = {"reference": "231", "refundNumber": "TEST-001~r1", "amountToRefund": "3.00", "status": "Completed"}
CAPTURE: Final = {"amountToCapture": "10.00", "status": "Completed", "createDateTimeUtc": "2026-03-02T12:00:00Z"}
REPLIES: Final = wire(
    created(),
    job("Pending", payment("Pending"), amountToCollect="10.00"),
    job("Paid", payment("Declined", "210"), payment("Paid", captures=[CAPTURE], refunds=[REFUND]),
        amountToCollect="10.00", paidDateTimeUtc="2026-03-02T12:00:00Z"),
    {"errorReport": {"errors": [{"code": "InvalidAmount", "message": "no"}]}},
    {"data": [{"paymentMethod": "Card"}]},
)  # fmt: skip
CHECKOUT: Final = {
    "currency": "GBP", "customer_email": "test@example.com", "customer_name": "Test User", "locale": "en_GB",
    "billing_address": {"line_1": "1 High Street", "country": "GB"}, "order_reference": "TEST-001",
    "lines": [{"name": "Entry", "sku": "E-1", "quantity": 2, "unit_price": "5.00"}],
}  # fmt: skip
REFERENCES: Final[dict[Any, tuple[Any, ...]]] = {CreatePayment: (), CompleteCheckout: (OrderReference("TEST-001"),)}
BODIES: Final = wire(CREATE, CHECKOUT)
AMOUNTS: Final = (b"10.00", b"0.01", b"999999999999", b"1", b"0010.1000", b"12.345")
NAMES: Final = (b"TEST-001", b"TEST-001~2", b"a/b.c_d-e", b"GBP", b"JPY")
LATE: Final = 4_102_444_800  # the same tokens in every run
TOKENS: Final = tuple(
    token(user, exp=LATE, is_admin=is_admin).encode()
    for user, is_admin in (("alice", None), ("bob", None), ("boss", True))
)
JOB_TOKENS: Final = JobTokens.derived("a secret")
ADDRESSED: Final = OwnReference("TEST-001~2")
KEYS: Final = (b'"8e03978e-40d5-43e8-bc93-6894a57f9324"', b"8e03978e-40d5-43e8", b'"a \\" key"')
CURSORS: Final = (b"MjAyNi0wMy0wMlQxMjowMDowMCswMDowMCBtb2NrL1RFU1QtMDAx",)
SETTINGS: Final[Sequence[dict[str, str]]] = (
    {
        "jwt_secret_key": JWT_SECRET, "operator_keys": f"anna:admin:{'ab' * 32}",
        "trusted_proxies": "127.0.0.1,10.0.0.0/8", "cors_origins": "http://localhost:3000",
        "public_base_url": "https://pay.example", "frontend_url": "https://shop.example",
    },
    {
        "gateways": "cashflows", "cashflows_gateway_url": "https://gateway-int.cashflows.com",
        "cashflows_scheme": "sha512",
        "cashflows_merchant_id": "1", "cashflows_api_key": "k", "refund_approval_above": "100.00 GBP", "port": "8001",
        "rate_limit_user": "120", "gateway_timeout_seconds": "8", "log_level": "INFO", "payment_mode": "integration",
    },
    {"notification_url": "https://shop.example/hooks", "notification_secret": "whsec_" + "QUJD" * 10, "worker": "off"},
)  # fmt: skip


def read_signed_webhook(body: bytes) -> None:
    with suppress(WebhookUnreadable):
        SIGNED.read_webhook(body)


def read_published_webhook(body: bytes) -> None:
    with suppress(WebhookUnreadable):
        PUBLISHED.read_webhook(body)


def no_damaged_webhook_is_signed(body: bytes) -> None:
    """With the signature of each one that it may have been."""
    for original in WEBHOOKS:
        if body != original:
            with pytest.raises(WebhookRejected):
                SIGNED.verify_webhook({"x-signature": webhook_signature(WEBHOOK_SECRET, original)}, body)


def no_damaged_signature_fits(text: bytes) -> None:
    headers = {"x-signature": text.decode("latin-1")}
    if headers["x-signature"].strip().lower() != SIGNATURE.decode():
        with pytest.raises(WebhookRejected):
            SIGNED.verify_webhook(headers, WEBHOOKS[0])


def read_reply(body: bytes) -> None:
    for read in (read_job, partial(read_created, OwnReference("TEST-001")), read_methods, read_error_code):
        with suppress(WireError, InvalidInput):
            read(body)


def read_request(body: bytes) -> None:
    try:
        document = exact_json.loads(body)
    except InvalidJson:
        return
    for model in REFERENCES:
        with suppress(ValidationError):
            asked = model.model_validate(document)
            assert (
                isinstance(asked, CompleteCheckout) or 0 < Money.from_wire(asked.amount, asked.currency).minor <= 10**12
            )


def read_amount(text: bytes) -> None:
    for currency in ("GBP", "JPY", "BHD"):
        with suppress(InvalidInput):
            money = Money.from_wire(text.decode("utf-8", "replace"), CurrencyCode(currency))
            assert Money.from_wire(money.to_wire(), money.currency) == money


def read_name(name: bytes) -> None:
    text = name.decode("utf-8", "replace")
    split_own_reference(text)
    for parse in (parse_order_reference, parse_currency):
        with suppress(InvalidInput):
            assert parse(text) == text


def no_damaged_token_is_another(text: bytes) -> None:
    """It says what one that was issued says (base64 has several spellings of the same), or is refused."""
    with suppress(NotAuthenticated):
        claims = VERIFIER.verify(text.decode("latin-1"))
        assert (claims.subject, claims.is_admin) in {("alice", False), ("bob", False), ("boss", True)}
        assert text.rpartition(b".")[0] in {each.rpartition(b".")[0] for each in TOKENS}, "what was signed is as it was"


def no_damaged_address_is_of_another_job(text: bytes) -> None:
    assert JOB_TOKENS.read("cashflows", text.decode("utf-8", "replace")) in (None, ADDRESSED)


def read_idempotency_key(text: bytes) -> None:
    with suppress(InvalidIdempotencyKey, CardNumberNotAccepted):
        assert 1 <= len(parse_key([text.decode("latin-1")])) <= 255


def read_page_end(text: bytes) -> None:
    with suppress(InvalidInput):
        read_cursor(text.decode("utf-8", "replace"))


VERIFIER: Final = TokenVerifier(JWT_SECRET)
SIGNATURE: Final = webhook_signature(WEBHOOK_SECRET, WEBHOOKS[0]).encode()
PARSERS: Final[dict[Callable[[bytes], None], Sequence[bytes]]] = {
    read_signed_webhook: WEBHOOKS,
    read_published_webhook: WEBHOOKS,
    no_damaged_webhook_is_signed: WEBHOOKS,
    no_damaged_signature_fits: (SIGNATURE,),
    read_reply: REPLIES,
    read_request: BODIES,
    read_amount: AMOUNTS,
    read_name: NAMES,
    no_damaged_token_is_another: TOKENS,
    no_damaged_address_is_of_another_job: (JOB_TOKENS.token("cashflows", ADDRESSED).encode(),),
    read_idempotency_key: KEYS,
    read_page_end: CURSORS,
}


@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("read", PARSERS, ids=lambda read: read.__name__)
def test_what_is_damaged_is_read_or_refused(read: Callable[[bytes], None]) -> None:
    for number, body in enumerate(mutants(PARSERS[read], MUTANTS, SEED)):
        try:
            read(body)
        except Exception as exc:
            raise AssertionError(f"input {number} of seed {SEED}: {body!r}") from exc


@pytest.mark.timeout(36_000)
def test_a_damaged_setting_is_taken_or_named() -> None:
    """A tenth as many, shared out over the settings: reading them costs a hundred times what others cost."""
    named = [(number, name) for number, values in enumerate(SETTINGS) for name in values]
    for at, (number, name) in enumerate(named):
        values = SETTINGS[number]
        for text in mutants([values[name].encode()], MUTANTS // 10 // len(named) + 1, SEED + at):
            told: dict[str, Any] = {**values, name: text.decode("utf-8", "replace")}
            with suppress(ValidationError):
                Settings(_env_file=None, **told)
