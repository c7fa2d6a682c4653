"""The inbox: webhook deliveries, stored before they are acknowledged and worked through afterwards.

One row stands for one distinct body. A row is pending while ``received > done``: an unsigned body is the same for
every change of status, so its repeat is news until somebody has looked since.
"""

from datetime import datetime
from hashlib import sha256
from typing import NewType

from msgspec import Struct
from msgspec.structs import replace

from .terms import Mode

DeliveryId = NewType("DeliveryId", str)
"""Mode, gateway and SHA-256 of the body."""


class Delivery(Struct, frozen=True):
    """``next_try_at`` is None once nothing is pending; ``attempts`` counts the tries since it last was."""

    id: DeliveryId
    mode: Mode
    gateway: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    first_at: datetime
    last_at: datetime
    received: int = 1
    done: int = 0
    attempts: int = 0
    next_try_at: datetime | None = None
    outcome: str = ""

    @property
    def is_pending(self) -> bool:
        return self.received > self.done

    def settled(self, outcome: str) -> "Delivery":
        """As it is once all that was received is worked through."""
        return replace(self, done=self.received, attempts=0, next_try_at=None, outcome=outcome)


def delivery_id(mode: Mode, gateway: str, body: bytes) -> DeliveryId:
    return DeliveryId(f"{mode}/{gateway}/{sha256(body).hexdigest()}")
