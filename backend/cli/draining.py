"""A server that loses nobody on its way out.

uvicorn closes a connection on which no request has arrived yet; one that was accepted a moment before may be about to
send. So first nothing more is accepted, then such requests get a moment to arrive, and only then is there an end. Where
the supervisor holds the socket (``--fd``), whoever comes meanwhile is taken by another process or by the next one.
"""

import asyncio
import os
import socket
from typing import Final

import uvicorn

ARRIVAL_SECONDS: Final = 0.5


class DrainingServer(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(ARRIVAL_SECONDS)
        await super().shutdown(sockets)


def inherited(fd: int) -> socket.socket:
    """The socket that the supervisor listens on, in the family that it is of."""
    return socket.socket(fileno=os.dup(fd))
