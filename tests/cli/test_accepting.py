"""How many turns of the event loop it takes until those who came meanwhile are known."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from backend.cli.accepting import TAKEN_AT_ONCE, takers

uvloop = pytest.importorskip("uvloop")  # Windows has none, and asyncio's own loop takes all at once

CAME = 4 * TAKEN_AT_ONCE


class Program:
    def __init__(self) -> None:
        self.taken: list[asyncio.BaseTransport] = []

    def protocol(self) -> asyncio.Protocol:
        taken = self.taken

        class Taken(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                taken.append(transport)

        return Taken()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as clients:
        yield clients


def test_many_are_taken_in_one_turn_and_none_once_it_listens_no_more(clients: ExitStack) -> None:
    program = Program()

    async def serve() -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(program.protocol, "127.0.0.1", 0, backlog=CAME)
        address = server.sockets[0].getsockname()
        beside = takers([server], program.protocol)
        for _ in range(CAME):  # the system has them wait; the event loop, busy with this, knows of none
            clients.enter_context(socket.create_connection(address, timeout=5))
        turns = 0
        while len(program.taken) < CAME:
            await asyncio.sleep(0)
            turns += 1
        server.close()
        for taker in beside:
            taker.close()
        for taken in program.taken:
            taken.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        return turns

    turns = uvloop.run(serve())
    assert turns <= CAME / TAKEN_AT_ONCE + 2
