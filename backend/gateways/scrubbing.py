"""Take out of a text what must reach no log: our secrets, request hashes, webhook signatures, card numbers."""

import re
from collections.abc import Iterable
from typing import Final

from ..domain.card_numbers import without_card_numbers

HIDDEN: Final = "[hidden]"
SIGNATURE: Final = re.compile(r"\b(?:[0-9A-Fa-f]{128}|[0-9A-Fa-f]{64})\b")
"""SHA-512 and SHA-256 in hex, as in ``Hash`` and ``X-Signature``."""

SHORTEST_SECRET: Final = 4
"""A shorter secret is not searched for: it would hide half of every text, and no gateway hands one out."""


def scrub(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    text = SIGNATURE.sub(HIDDEN, text)
    return without_card_numbers(text, HIDDEN)
