"""Signing vectors of both schemes: the published one's from its rule (key first), the project's own from openssl."""

import pytest

from backend.gateways.cashflows import HmacSha256, Sha512
from backend.gateways.cashflows.signing import hmac_sha256_hash, sha512_hash, webhook_signature, webhook_signature_fits
from backend.ports import WebhookNotConfigured, WebhookRejected

BODY = b'{"amountToCollect":"10.00","currency":"GBP"}'
WEBHOOK = b'{"status":"captured"}'
SIGNATURE = "e77103a6b11bd7e2e606d08486c203f890da2a19d3c92627cdbd6b1809051602"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            BODY,
            "EECE4BA88477352369926B91ACFD1E64CDD96558D4BF98D937FF637E98C42A95"
            "56033D85CF5BAA2D33471B0B602E52A2A033A2ED6CC1552BAE042E67B027CC31",
        ),
        (
            b"",
            "BD2B1AAF7EF4F09BE9F52CE2D8D599674D81AA9D6A4421696DC4D93DD0619D68"
            "2CE56B4D64A9EF097761CED99E0F67265B5F76085E5B0EE7CA4696B2AD6FE2B2",
        ),
    ],
)
def test_the_published_scheme_hashes_key_then_body_in_upper_case(body: bytes, expected: str) -> None:
    assert sha512_hash("secret", body) == expected
    assert Sha512("secret").hash_headers(body) == (expected,)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # printf 'secret{"amountToCollect":"10.00","currency":"GBP"}' | openssl dgst -sha256 -hmac secret
        (BODY, "393477c87c700fbc9298c23cd3d3e1b6ea2414c4719763254c1ecadd6c255f30"),
        (b"", "210d3d27605d0ee737952294265400a7cba109746afacd84b9cb0139bf6b7e3a"),
    ],
)
def test_the_projects_scheme_is_an_hmac_over_secret_and_body(body: bytes, expected: str) -> None:
    assert hmac_sha256_hash("secret", body) == expected
    assert HmacSha256("secret", None).hash_headers(body) == (expected,)


def test_a_webhook_signature_is_an_hmac_over_the_raw_body() -> None:
    # printf '{"status":"captured"}' | openssl dgst -sha256 -hmac whsec
    assert webhook_signature("whsec", WEBHOOK) == SIGNATURE


@pytest.mark.parametrize("spelling", [SIGNATURE, SIGNATURE.upper(), f" {SIGNATURE} "])
def test_the_right_signature_fits_in_either_case(spelling: str) -> None:
    assert webhook_signature_fits("whsec", WEBHOOK, spelling)


@pytest.mark.parametrize(
    "signature", ["", "é", "0", SIGNATURE[:-1], SIGNATURE + "0", SIGNATURE[::-1], f"sha256={SIGNATURE}", "None"]
)
def test_any_other_signature_does_not_fit(signature: str) -> None:
    assert not webhook_signature_fits("whsec", WEBHOOK, signature)


def test_every_byte_of_the_body_is_covered() -> None:
    for index in range(len(WEBHOOK)):
        changed = WEBHOOK[:index] + bytes([WEBHOOK[index] ^ 1]) + WEBHOOK[index + 1 :]
        assert not webhook_signature_fits("whsec", changed, SIGNATURE)


def test_without_a_secret_nothing_is_waved_through() -> None:
    for secret in (None, ""):
        with pytest.raises(WebhookNotConfigured, match="CASHFLOWS_WEBHOOK_SECRET"):
            HmacSha256("secret", secret).verify_webhook({"x-signature": webhook_signature("", WEBHOOK)}, WEBHOOK)


def test_a_missing_signature_is_refused() -> None:
    with pytest.raises(WebhookRejected, match="missing"):
        HmacSha256("secret", "whsec").verify_webhook({}, WEBHOOK)


def test_secrets_show_in_no_representation() -> None:
    assert "topsecret" not in repr(HmacSha256("topsecret", "topsecret")) + repr(Sha512("topsecret"))
