"""Signatures, held against the published library of the Standard Webhooks scheme."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from backend.shop.signing import Secret, headers

NEW, OLD, OTHER = ("whsec_" + b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
BODY = '{"type":"order.paid","data":{"name":"Zoë"}}'


def signed(*secrets: str, at: datetime | None = None) -> dict[str, str]:
    parsed = [Secret.parse(text) for text in secrets]
    return dict(headers(parsed, "mock/A.1/2", at or datetime.now(UTC), BODY.encode()))


def test_the_published_library_verifies_what_is_sent() -> None:
    assert Webhook(NEW).verify(BODY, signed(NEW)) == {"type": "order.paid", "data": {"name": "Zoë"}}


@pytest.mark.parametrize("known", [NEW, OLD])
def test_while_secrets_rotate_a_receiver_with_either_one_verifies(known: str) -> None:
    Webhook(known).verify(BODY, signed(NEW, OLD))


def test_another_secret_another_body_and_an_old_timestamp_do_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, signed(NEW, OLD))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY + " ", signed(NEW))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, signed(NEW) | {"webhook-id": "mock/A.1/3"})
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(NEW).verify(BODY, signed(NEW, at=datetime.now(UTC) - timedelta(minutes=6)))


def test_a_fixed_vector_does_not_change() -> None:
    at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    expected = Webhook(NEW).sign("mock/A.1/2", at, BODY)
    assert signed(NEW, at=at) == {
        "webhook-id": "mock/A.1/2",
        "webhook-timestamp": "1772452800",
        "webhook-signature": expected,
    }


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "whsec_!", b64encode(bytes(32)).decode(), "whsec_" + b64encode(bytes(23)).decode(), "whsec_é"],
)
def test_a_secret_that_is_none_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_ and base64 of 24 to 64") as refused:
        Secret.parse(text)
    assert not text or text == "whsec_" or text not in str(refused.value)


def test_a_secret_does_not_show_itself() -> None:
    assert "key" not in repr(Secret.parse(NEW))
