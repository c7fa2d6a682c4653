"""Signatures of the Standard Webhooks scheme, version 1: HMAC-SHA256 over id, timestamp and the exact bytes sent.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, read in 2026.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, Self

PREFIX: Final = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64


@dataclass(frozen=True, slots=True)
class Secret:
    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``whsec_`` and base64.

        Raises:
            ValueError: says what it should be, and never what it is.
        """
        try:
            key = b64decode(text.removeprefix(PREFIX), validate=True)
        except ValueError:
            key = b""
        if not text.startswith(PREFIX) or not FEWEST_BYTES <= len(key) <= MOST_BYTES:
            raise ValueError(f"must be {PREFIX} and base64 of {FEWEST_BYTES} to {MOST_BYTES} random bytes")
        return cls(key)

    def signature(self, content: bytes) -> str:
        return "v1," + b64encode(hmac.digest(self.key, content, sha256)).decode()


def headers(secrets: Sequence[Secret], notification_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """One signature for each secret: a receiver takes the notification if it knows any of them."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((notification_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": notification_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(secret.signature(content) for secret in secrets),
    }
