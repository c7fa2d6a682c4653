"""The token in the webhook address of one payment job: it says which job, and that this program made it.

It is checked without the store, so that a flood of invented addresses costs no read. It proves nothing else: who has it
can give hints about one job, which are worth a look at most.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from .references import OwnReference, split_own_reference

MAC_BYTES: Final = 16
MOST_CHARACTERS: Final = 100
PURPOSE: Final = b"webhook address of a payment job"


@dataclass(frozen=True, slots=True)
class JobTokens:
    key: bytes = field(repr=False)

    @classmethod
    def derived(cls, secret: str) -> "JobTokens":
        """From a secret that is used for something else as well, which these tokens tell nothing of."""
        return cls(hmac.digest(secret.encode(), PURPOSE, sha256))

    def token(self, gateway: str, own_reference: OwnReference) -> str:
        return f"{_text(own_reference.encode())}.{self._mac(gateway, own_reference)}"

    def read(self, gateway: str, token: str) -> OwnReference | None:
        """The job that a token was made for, or None where this program did not make it."""
        if len(token) > MOST_CHARACTERS or not token.isascii():
            return None
        named, _, mac = token.partition(".")
        try:
            own_reference = OwnReference(urlsafe_b64decode(named + "=" * (-len(named) % 4)).decode())
        except ValueError:
            return None
        if not hmac.compare_digest(mac, self._mac(gateway, own_reference)):
            return None
        return own_reference if split_own_reference(own_reference) is not None else None

    def _mac(self, gateway: str, own_reference: OwnReference) -> str:
        content = f"{gateway}\0{own_reference}".encode()
        # Not hmac.digest, which lets go of the interpreter, and gets it back late where other threads are busy.
        return _text(hmac.new(self.key, content, sha256).digest()[:MAC_BYTES])


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
