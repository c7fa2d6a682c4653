"""A clock that people and tests can move, so that a month of webhook retries takes no month.

It only moves forward: a payment's history must not run backwards.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """``now`` is the source's time plus everything the clock was moved by."""

    def __init__(self, source: Callable[[], datetime] = utc_now) -> None:
        self._source = source
        self._offset = timedelta()
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._source() + self._offset

    @property
    def offset(self) -> timedelta:
        return self._offset

    def move(self, by: timedelta) -> None:
        """Move forward and wake whoever waits."""
        if by < timedelta():
            raise ValueError("the clock only moves forward")
        self.move_to_offset(self._offset + by)

    def move_to_offset(self, offset: timedelta) -> None:
        """Adopt an offset that another process has moved to; an earlier one is ignored."""
        if offset > self._offset:
            self._offset = offset
            self._moved.set()
            self._moved = asyncio.Event()

    async def wait_until(self, when: datetime) -> None:
        """Return once ``now`` is ``when``, by the passing of time or because the clock was moved."""
        while (left := (when - self.now()).total_seconds()) > 0:
            await self.wait_for_move(left)

    async def wait_for_move(self, seconds: float) -> None:
        """Return when the clock is moved, and after ``seconds`` of real time at the latest."""
        moved = self._moved
        try:
            async with asyncio.timeout(seconds):
                await moved.wait()
        except TimeoutError:
            return
