"""What each delivery says, word for word, in both schemes; and the references that are echoed."""

import json
from hashlib import sha256

import pytest

from backend.domain.facts import Evidence, EvidenceSource, Hint, PaymentFact, SignedFact
from backend.domain.references import JobReference, OwnReference, PaymentReference
from backend.domain.statuses import PaymentStatus
from backend.gateways.cashflows import HmacSha256, Sha512, webhook
from backend.ports import WebhookNotConfigured, WebhookRejected, WebhookUnreadable

SIGNED, PUBLISHED = HmacSha256("secret", "whsec"), Sha512("key")
NAMED = {"paymentReference": "211", "orderReference": "TEST-001"}
ORDER, JOB, PAYMENT = OwnReference("TEST-001"), JobReference("210"), PaymentReference("211")


def echo(told: dict[str, object]) -> dict[str, str]:
    return webhook.echo(json.dumps(told).encode())


def read(**told: str) -> SignedFact | Hint:
    return SIGNED.read_webhook(json.dumps(NAMED | told).encode())


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("authorized", PaymentStatus.AUTHORIZED),
        ("captured", PaymentStatus.CAPTURED),
        ("declined", PaymentStatus.DECLINED),
        ("failed", PaymentStatus.FAILED),
    ],
)
@pytest.mark.parametrize("member", ["status", "event"])
def test_a_signed_delivery_is_a_fact_with_everything_it_tells(word: str, status: PaymentStatus, member: str) -> None:
    told = {**NAMED, "paymentJobReference": "210", "amount": "12.50", "currency": "GBP"}
    body = json.dumps({**told, member: word if member == "status" else f"payment.{word}"}).encode()
    assert SIGNED.read_webhook(body) == SignedFact(
        PaymentFact(
            payment_reference=PAYMENT,
            status=status,
            evidence=Evidence(EvidenceSource.SIGNED_WEBHOOK, sha256(body).hexdigest(), word),
            asked_amount="12.50",
            asked_currency="GBP",
        ),
        ORDER,
        JOB,
    )


def test_what_a_signed_delivery_leaves_out_is_not_made_up() -> None:
    told = read(status="captured")
    assert isinstance(told, SignedFact)
    assert (told.job_reference, told.fact.asked_amount, told.fact.asked_currency) == (None, None, None)
    assert (told.fact.captured_minor, told.fact.refunded_minor) == (None, None), "a total that nobody named"


def test_a_signed_word_that_nobody_knows_is_a_hint_about_the_same_payment() -> None:
    assert read(status="settled", paymentJobReference="210") == Hint(ORDER, JOB, PAYMENT)
    assert read(status="settled") == Hint(ORDER, None, PAYMENT)


def test_of_two_words_the_one_that_nobody_knows_decides() -> None:
    assert isinstance(read(status="captured", event="payment.captured"), SignedFact)
    assert read(status="captured", event="payment.settled") == Hint(ORDER, None, PAYMENT)
    assert read(status="settled", event="payment.captured") == Hint(ORDER, None, PAYMENT)


@pytest.mark.parametrize("told", [{}, {"status": "captured", "event": "payment.declined"}])
def test_a_signed_delivery_without_one_clear_word_cannot_be_read(told: dict[str, str]) -> None:
    with pytest.raises(WebhookUnreadable, match=r"^say the payment's status once, as status or as event payment\.<"):
        read(**told)


def test_an_unsigned_delivery_is_a_hint_about_its_job_and_payment() -> None:
    told = {"notifyType": "PaymentStatusChanged", "paymentJobReference": "210", "paymentReference": "211"}
    assert PUBLISHED.read_webhook(json.dumps(told).encode()) == Hint(None, JOB, PAYMENT)
    assert PUBLISHED.read_webhook(b'{"paymentJobReference": 210}') == Hint(None, JOB, None)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"true", b"null"])
def test_a_delivery_that_is_no_object_is_told_so(body: bytes) -> None:
    for scheme in (SIGNED, PUBLISHED):
        with pytest.raises(WebhookUnreadable, match=r"^the body must be a JSON object$"):
            scheme.read_webhook(body)


def test_what_cannot_be_read_says_which_member_is_wrong() -> None:
    with pytest.raises(WebhookUnreadable, match=r"paymentjobreference"):
        PUBLISHED.read_webhook(b'{"paymentReference": "211"}')
    with pytest.raises(WebhookUnreadable, match=r"orderreference"):
        SIGNED.read_webhook(b'{"paymentReference": "211", "status": "captured"}')


def test_the_references_are_echoed_under_the_names_that_cashflows_reads() -> None:
    told = {"paymentJobReference": "210", "paymentReference": 211, "orderReference": "TEST-001", "status": "captured"}
    echoed = {"paymentJobReference": "210", "paymentReference": "211", "orderReference": "TEST-001"}
    from_pascal = {name[0].upper() + name[1:]: value for name, value in told.items()}
    for body in (told, from_pascal):
        assert echo(body) == echoed
    assert echo({"orderReference": "TEST-001"}) == {"orderReference": "TEST-001"}


def test_a_refused_delivery_says_what_to_set_right() -> None:
    with pytest.raises(WebhookNotConfigured, match=r"\bCASHFLOWS_WEBHOOK_SECRET\b"):
        HmacSha256("secret", None).verify_webhook({"x-signature": "0"}, b"{}")
    with pytest.raises(WebhookRejected, match=r"^the X-Signature header is missing$"):
        SIGNED.verify_webhook({}, b"{}")
    with pytest.raises(WebhookRejected, match=r"^X-Signature does not fit the body$"):
        SIGNED.verify_webhook({"x-signature": "0"}, b"{}")
