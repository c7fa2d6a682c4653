"""Drop small records that are over, a bounded page at a time."""

from datetime import datetime, timedelta
from typing import Final

from ..ports import Clock, OrderStore

PAGE: Final = 500
PAUSE: Final = timedelta(minutes=1)


class ExpiredRecords:
    def __init__(self, store: OrderStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next_at: datetime | None = None

    async def run_due(self) -> int:
        """Drop one page; once there is no more, nothing for a minute."""
        now = self._clock.now()
        if self._next_at is not None and now < self._next_at:
            return 0
        dropped = await self._store.drop_expired_records(now, PAGE)
        self._next_at = now if dropped == PAGE else now + PAUSE
        return dropped
