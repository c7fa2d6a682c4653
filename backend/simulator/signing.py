"""Hashes and signatures of both schemes: pure functions over exact bytes.

sha512 is what Cashflows publishes: SHA-512 over the API key followed by the body, compared in any hex case.
hmac-sha256 is the scheme of the in-house integration guide: HMAC-SHA256 keyed with the API secret over the API
secret followed by the body, and a signed webhook. Only the body is covered: no URL, no method, no header.

Source: Cashflows developer pages, "Gateway API reference" (Hash header); integration guide, "Request signing".
"""

import hashlib
import hmac
import re
from enum import StrEnum
from typing import Final

HEX: Final = re.compile(r"[0-9A-Fa-f]+")


class Scheme(StrEnum):
    HMAC_SHA256 = "hmac-sha256"
    SHA512 = "sha512"


HASH_LENGTH: Final = {64: Scheme.HMAC_SHA256, 128: Scheme.SHA512}


def scheme_of_hash(value: str) -> Scheme | None:
    """Which scheme a ``Hash`` header speaks, told by its length; None when it is no such hash."""
    return HASH_LENGTH.get(len(value)) if HEX.fullmatch(value) else None


def hash_sha512(api_key: str, body: bytes) -> str:
    return hashlib.sha512(api_key.encode() + body).hexdigest().upper()


def hash_hmac(api_secret: str, body: bytes) -> str:
    secret = api_secret.encode()
    return hmac.new(secret, secret + body, hashlib.sha256).hexdigest()


def sign_webhook(webhook_secret: str, body: bytes) -> str:
    """The ``X-Signature`` of a webhook in the hmac-sha256 scheme."""
    return hmac.new(webhook_secret.encode(), body, hashlib.sha256).hexdigest()


def same_hash(left: str, right: str) -> bool:
    """Compare hex of any case in constant time."""
    return hmac.compare_digest(left.lower().encode(), right.lower().encode())
