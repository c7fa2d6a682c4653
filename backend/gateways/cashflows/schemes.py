"""The two Cashflows schemes: each decides request signing and webhook trust together.

A signed webhook is a fact once its amount and references check out; an unsigned one only ever is a hint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ...domain.facts import Hint, SignedFact
from ...ports import WebhookNotConfigured, WebhookRejected
from .signing import hmac_sha256_hash, sha512_hash, webhook_signature_fits
from .webhook import read_notice, read_signed

SIGNATURE_HEADER: Final = "x-signature"


class Scheme(Protocol):
    def hash_headers(self, body: bytes) -> Sequence[str]:
        """What ``Hash`` may hold for a request with exactly this body, one for each live key, the newest first."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises WebhookRejected or WebhookNotConfigured; ``headers`` has lower-case names."""

    def read_webhook(self, body: bytes) -> SignedFact | Hint:
        """Raises WebhookUnreadable."""


@dataclass(frozen=True, slots=True)
class HmacSha256:
    """This project's own scheme: keyed request hashes and signed webhooks."""

    api_secret: str = field(repr=False)
    webhook_secret: str | None = field(repr=False)

    def hash_headers(self, body: bytes) -> Sequence[str]:
        return (hmac_sha256_hash(self.api_secret, body),)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        if not self.webhook_secret:
            raise WebhookNotConfigured("CASHFLOWS_WEBHOOK_SECRET")
        signature = headers.get(SIGNATURE_HEADER)
        if signature is None:
            raise WebhookRejected("the X-Signature header is missing")
        if not webhook_signature_fits(self.webhook_secret, body, signature):
            raise WebhookRejected("X-Signature does not fit the body")

    def read_webhook(self, body: bytes) -> SignedFact | Hint:
        return read_signed(body)


@dataclass(frozen=True, slots=True)
class Sha512:
    """What Cashflows publishes: hashes over key and body, and webhooks that nobody signed.

    Two keys may be live at once while one replaces the other. Source: OpenAPI document v1, "Hash" header.
    """

    api_key: str = field(repr=False)
    previous_api_key: str | None = field(default=None, repr=False)

    def hash_headers(self, body: bytes) -> Sequence[str]:
        return tuple(sha512_hash(key, body) for key in (self.api_key, self.previous_api_key) if key)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Nothing can be verified, so nothing is refused: what follows from it is a look, never a decision."""

    def read_webhook(self, body: bytes) -> Hint:
        return read_notice(body)
