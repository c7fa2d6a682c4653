"""Drop what is over: small records, and deliveries that were dealt with long ago; a bounded page at a time."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from ..domain.terms import Mode
from ..ports import Clock, OrderStore

PAGE: Final = 500
PAUSE: Final = timedelta(minutes=1)


class Sweeper:
    def __init__(self, clock: Clock, drop: Callable[[datetime], Awaitable[int]]) -> None:
        """``drop`` removes up to a page of what is over at a time, and says how much that was."""
        self._clock = clock
        self._drop = drop
        self._next_at: datetime | None = None

    async def run_due(self) -> int:
        """Drop one page; once there is no more, nothing for a minute."""
        now = self._clock.now()
        if self._next_at is not None and now < self._next_at:
            return 0
        dropped = await self._drop(now)
        self._next_at = now if dropped == PAGE else now + PAUSE
        return dropped


def expired_records(store: OrderStore, clock: Clock) -> Sweeper:
    return Sweeper(clock, lambda now: store.drop_expired_records(now, PAGE))


def old_deliveries(store: OrderStore, clock: Clock, mode: Mode, kept: timedelta) -> Sweeper:
    """Those that are worked through, aged out included, and did not come again for so long."""
    return Sweeper(clock, lambda now: store.drop_deliveries(mode, now - kept, PAGE))
