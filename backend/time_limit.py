"""The same time for everybody who waits, with one alarm for all: one for each would take longer than most of the waits.

Standard library only, as ``stores`` and ``api`` use it; nothing is decided by it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

W = TypeVar("W")
"""Who waits."""

SOME: Final = 1024
"""So many are remembered whether they still wait or not."""


class TimeLimit(Generic[W]):
    """Calls ``give_up`` with whoever has waited for ``seconds``, unless ``is_over`` says by then that it waits no more.

    Used by one event loop at a time; what waited in one that has ended is forgotten.
    """

    def __init__(self, seconds: float, *, is_over: Callable[[W], bool], give_up: Callable[[W], None]) -> None:
        self._seconds = seconds
        self._is_over = is_over
        self._give_up = give_up
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[float, W]] = deque()
        self._most = SOME

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._waiting)

    def begin(self, waiter: W) -> None:
        """From now on, ``waiter`` waits."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._waiting.clear()
        is_alarm_set = bool(self._waiting)
        while self._waiting and self._is_over(self._waiting[0][1]):
            self._waiting.popleft()
        self._waiting.append((loop.time() + self._seconds, waiter))
        if len(self._waiting) > self._most:
            self._forget_those_behind_the_first()
        if not is_alarm_set:
            loop.call_at(self._waiting[0][0], self._ring, loop)

    def _forget_those_behind_the_first(self) -> None:
        """One that waits for long would have all be remembered who came after it and are over."""
        self._waiting = deque(each for each in self._waiting if not self._is_over(each[1]))
        self._most = max(SOME, 2 * len(self._waiting))

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            _, waiter = self._waiting.popleft()
            if not self._is_over(waiter):
                self._give_up(waiter)
        if self._waiting:
            loop.call_at(self._waiting[0][0], self._ring, loop)
