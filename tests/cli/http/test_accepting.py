"""How many turns of the event loop it takes until those who came meanwhile are known."""

import asyncio
import socket
from contextlib import ExitStack

import pytest

from backend.cli.http.accepting import TAKEN_AT_ONCE, takers

uvloop = pytest.importorskip("uvloop")  # Windows has none, and asyncio's own loop takes all at once

CAME = 4 * TAKEN_AT_ONCE


def test_many_are_taken_in_one_turn_and_none_once_it_listens_no_more() -> None:
    taken: list[asyncio.BaseTransport] = []

    class Taken(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken.append(transport)

    async def serve(clients: ExitStack) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Taken, "127.0.0.1", 0, backlog=CAME)
        address = server.sockets[0].getsockname()
        beside = takers([server], Taken)
        for _ in range(CAME):  # the system has them wait; the event loop, busy with this, knows of none
            clients.enter_context(socket.create_connection(address, timeout=5))
        turns = 0
        while len(taken) < CAME:
            await asyncio.sleep(0)
            turns += 1
        server.close()
        for taker in beside:
            taker.close()
        for transport in taken:
            transport.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        return turns

    with ExitStack() as clients:
        assert uvloop.run(serve(clients)) <= CAME / TAKEN_AT_ONCE + 2
