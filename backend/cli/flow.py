"""When to read from a connection: uvicorn stops for requests that wait there, and goes on after each answer."""

from asyncio import Transport
from collections.abc import Sized

from uvicorn.protocols.http.flow_control import FlowControl


class Flow(FlowControl):
    """Reads on once none of the connection's requests waits for those before it: ``waiting``.

    Each reading may bring thousands, so that one for each answer would have what waits grow without end.
    """

    def __init__(self, transport: Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()
