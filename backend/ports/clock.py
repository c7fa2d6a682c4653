"""The time, and waiting."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC, to the microsecond."""

    async def sleep(self, seconds: float) -> None: ...
