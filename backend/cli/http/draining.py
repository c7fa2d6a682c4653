"""A server that loses nobody on its way out, and has no place for who says nothing.

uvicorn closes what is idle as soon as it is to end. A client that sends in that moment on a connection that it has kept
gets no answer, and may not know whether to send again; so may one that was accepted just before. So first nothing more
is accepted, and every answer says that its connection ends with it. Whoever sends is answered like that; whoever does
not is let go after a while, as it would have been anyway. Where somebody else takes those who come meanwhile (the
supervisor holds the socket, ``--fd``), that while is longer than a connection may be idle. Alone it is short: meanwhile
nobody serves.
"""

import asyncio
import os
import socket
import sys
import time
from functools import partial
from typing import Any, Final

import uvicorn

from .accepting import Taker, takers
from .idle_connections import IdleConnections, is_idle

if sys.platform != "win32":
    import resource

KEEP_ALIVE_SECONDS: Final = 6
"""Clients should let go of idle connections before that: nginx in ``deploy/`` does after 4 seconds, httpx after 5."""
TOGETHER_SECONDS: Final = KEEP_ALIVE_SECONDS + 1.0
ALONE_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 0.05
LEAST_SECONDS: Final = 1
CLOSE: Final = (b"connection", b"close")

TICKS_A_SECOND: Final = 10
"""Of uvicorn's main loop."""
MOST_FILES: Final = 65_536
FILES_KEPT: Final = 256
"""For the store, the gateway and the logs; everything else may be connections."""


class DrainingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._takers: list[Taker] = []
        self._idle = IdleConnections(most=max(as_many_files_as_allowed() - FILES_KEPT, FILES_KEPT) // 2)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sys.platform == "win32":
            return  # there is no uvloop there, and asyncio takes all who wait
        kind: Any = self.config.http_protocol_class  # whatever uvicorn is told to speak, it is made like this
        protocol = partial(kind, config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        self._takers = takers(self.servers, protocol)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            self._idle.end(self._connections(), time.monotonic())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for taker in self._takers:
            taker.close()
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        began = time.monotonic()
        self._say_goodbye()
        arriving = min(ALONE_SECONDS, self._drain_seconds)  # those who were accepted and are not seen yet
        await asyncio.sleep(arriving)
        for _ in range(round((self._drain_seconds - arriving) / PAUSE_SECONDS)):
            if not any(map(is_idle, self._connections())):
                break
            await asyncio.sleep(PAUSE_SECONDS)
        if self.config.timeout_graceful_shutdown is not None:
            left = self.config.timeout_graceful_shutdown - round(time.monotonic() - began)
            self.config.timeout_graceful_shutdown = max(left, LEAST_SECONDS)
        await super().shutdown(sockets)

    def _say_goodbye(self) -> None:
        """With each answer from here on, also to requests that began before."""
        self.server_state.default_headers.append(CLOSE)
        for connection in self._connections():
            if connection.cycle is not None:
                connection.cycle.keep_alive = False

    def _connections(self) -> list[Any]:
        return list(self.server_state.connections)


def as_many_files_as_allowed() -> int:
    """Raise the number of files that the process may have open, which is often 1024, to what it may raise it to."""
    if sys.platform == "win32":
        return MOST_FILES
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if allowed == resource.RLIM_INFINITY else allowed
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, allowed))
    return most


def inherited(fd: int) -> socket.socket:
    """The socket that the supervisor listens on, in the family that it is of."""
    return socket.socket(fileno=os.dup(fd))
