"""A server that loses nobody on its way out, and has no place for who says nothing.

uvicorn closes a connection on which no request has arrived yet; one that was accepted a moment before may be about to
send. So first nothing more is accepted, then such requests get a moment to arrive, and only then is there an end. Where
the supervisor holds the socket (``--fd``), whoever comes meanwhile is taken by another process or by the next one.
"""

import asyncio
import os
import socket
import sys
import time
from typing import Final

import uvicorn

from .idle_connections import IdleConnections

if sys.platform != "win32":
    import resource

ARRIVAL_SECONDS: Final = 0.5


TICKS_A_SECOND: Final = 10
"""Of uvicorn's main loop."""
MOST_FILES: Final = 65_536
FILES_KEPT: Final = 256
"""For the store, the gateway and the logs; everything else may be connections."""


class DrainingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._idle = IdleConnections(most=max(as_many_files_as_allowed() - FILES_KEPT, FILES_KEPT) // 2)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            self._idle.end(list(self.server_state.connections), time.monotonic())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(ARRIVAL_SECONDS)
        await super().shutdown(sockets)


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
