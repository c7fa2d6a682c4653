"""Virtual time as the processes see it, and everything else that would make two runs of a seed differ."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from unittest.mock import patch

from backend import names

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class VirtualClock:
    """A process's clock, ``skew`` off the true one."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._told = (-1.0, START)
        self.skew = timedelta()

    def now(self) -> datetime:
        seconds = self._time()
        if self._told[0] != seconds:  # many ask in each moment
            self._told = (seconds, START + timedelta(seconds=seconds))
        return self._told[1] + self.skew

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@contextmanager
def determined(source: Random, now: Callable[[], float]) -> Iterator[None]:
    """Secrets, jitter and the wall clock come from the seed and from virtual time."""
    state = random.getstate()
    random.seed(source.random())
    try:
        with (
            patch.object(names, "eight_bytes", lambda: source.randbytes(8)),
            patch.object(secrets, "token_hex", lambda count=32: source.randbytes(count).hex()),
            patch.object(secrets, "randbelow", lambda limit: int(source.random() * limit)),
            patch.object(time, "time", lambda: START.timestamp() + now()),
        ):
            yield
    finally:
        random.setstate(state)
