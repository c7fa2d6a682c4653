"""What the services need from the shop: a place to send notifications to."""

from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from msgspec import Struct


class Taken(Struct, frozen=True):
    """The shop has it; ``words`` is its answer, for the delivery log."""

    words: str


class NotTaken(Struct, frozen=True):
    """The shop may or may not have seen it; ``wait`` is how long it asked to be left alone.

    ``is_gone`` is the shop's word that nothing is to be sent to this address any more.
    """

    words: str
    wait: timedelta | None = None
    is_gone: bool = False


ShopAnswer: TypeAlias = Taken | NotTaken


class ShopEndpoint(Protocol):
    """Where the shop takes notifications."""

    address: str
    """For people to recognise it by; holds no secret."""

    async def deliver(self, notification_id: str, body: str, at: datetime) -> ShopAnswer:
        """Post the body, signed at ``at``, once. Whatever goes wrong is an answer, within a time limit."""
