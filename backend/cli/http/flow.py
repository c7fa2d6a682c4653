"""When to read from a connection, and how long to wait until its client reads.

uvicorn reads on after each answer, whatever waits on the connection, and waits for the client without end.
"""

import asyncio
from collections.abc import Sized
from typing import Final

from uvicorn.protocols.http.flow_control import FlowControl

from ...stepping_aside import stepping_aside

LONGEST_UNREAD_SECONDS: Final = 30
"""For some 48 KiB, which the slowest telephone loads in that time; whoever waits holds memory, and no place."""


class Flow(FlowControl):
    """Reads on once nothing of ``waiting`` is left: what came on the connection and waits for what came before it.

    Each reading may bring thousands of requests, so that one for each answer would have them grow without end.
    """

    def __init__(self, transport: asyncio.Transport, *waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not any(self._waiting):
            super().resume_reading()

    async def drain(self) -> None:
        """Until the client has read most of what was written to it, or is given up: its connection is ended then."""
        with stepping_aside(for_client=True):
            try:
                async with asyncio.timeout(LONGEST_UNREAD_SECONDS):
                    await super().drain()
            except TimeoutError:
                self._transport.abort()
