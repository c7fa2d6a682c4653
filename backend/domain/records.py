"""Small facts that are not part of any order: an idempotency key's answer, a gateway's lock-out, a paused endpoint.

One record is changed by compare-and-set on its version, like an order, and may expire.
"""

from datetime import datetime
from typing import NewType

from msgspec import Struct

RecordId = NewType("RecordId", str)
"""Kind first, ``"idempotency/<digest>"``, so that the records of a kind are listed by prefix."""


class Record(Struct, frozen=True):
    """``text`` is the owner's own JSON; ``expires_at`` is when it may be dropped, None for never."""

    id: RecordId
    text: str
    version: int = 1
    expires_at: datetime | None = None
