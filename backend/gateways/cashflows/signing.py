"""How requests to Cashflows are signed, and its webhooks verified: pure functions over the exact bytes.

Two schemes exist. ``hmac-sha256`` is this project's own; ``sha512`` is what Cashflows publishes. Sign the bytes as
they are sent: serialising again may reorder keys.

Source of ``sha512``: Cashflows Gateway API, OpenAPI document v1, "Hash" header; official clients send upper case.
"""

import hashlib
import hmac


def hmac_sha256_hash(api_secret: str, body: bytes) -> str:
    """Hex HMAC-SHA256 with key ``api_secret`` over ``api_secret + body``; over the secret alone for an empty body."""
    key = api_secret.encode()
    return hmac.new(key, key + body, hashlib.sha256).hexdigest()


def sha512_hash(api_key: str, body: bytes) -> str:
    """Upper-case hex SHA-512 over ``api_key + body``; over the key alone for an empty body."""
    return hashlib.sha512(api_key.encode() + body).hexdigest().upper()


def webhook_signature(webhook_secret: str, body: bytes) -> str:
    """What ``X-Signature`` must hold: hex HMAC-SHA256 over the raw body."""
    return hmac.new(webhook_secret.encode(), body, hashlib.sha256).hexdigest()


def webhook_signature_fits(webhook_secret: str, body: bytes, signature: str) -> bool:
    """Compare in constant time, in either hex case; text that is no ASCII never fits."""
    if not signature.isascii():
        return False
    return hmac.compare_digest(webhook_signature(webhook_secret, body), signature.strip().lower())
