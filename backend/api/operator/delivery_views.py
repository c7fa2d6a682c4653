"""What operators are shown of webhook deliveries."""

from collections.abc import Callable
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from ...domain.deliveries import Delivery
from ..showing import shown


class DeliveryProgress(BaseModel):
    """One distinct webhook body, and what became of it; nothing of the body."""

    id: str
    gateway: str
    first_at: datetime
    last_at: datetime
    received: int
    is_pending: bool
    attempts: int
    next_try_at: datetime | None
    outcome: str

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryProgress":
        return shown(DeliveryProgress, delivery)


class DeliveryView(DeliveryProgress):
    body: str = Field(description="As it came; what is not UTF-8 is replaced.")
    headers: dict[str, str]

    @classmethod
    def whole(cls, delivery: Delivery, scrub: Callable[[str], str]) -> Self:
        return shown(
            cls, delivery, body=scrub(delivery.body.decode("utf-8", "replace")), headers=dict(delivery.headers)
        )
