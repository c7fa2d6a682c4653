"""The load generator, against servers that do not keep up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat

import pytest

from .load import Load, request

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASKED = repeat(request("GET", "/"))


@asynccontextmanager
async def server(answers: int, served: set["asyncio.Task[None] | None"]) -> AsyncIterator[int]:
    """A port where so many requests are answered, and the others never; ``served`` has a task for each connection."""
    left = answers

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        served.add(asyncio.current_task())
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            if left:
                left -= 1
                writer.write(ANSWER)
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        await asyncio.gather(*(task for task in served if task is not None))


async def test_what_is_never_answered_is_missing_from_the_answers() -> None:
    async with server(3, set()) as port:
        answers = await Load(port, ASKED, patience_seconds=0.05).at_rate(1000, 0.01)
    assert answers.good == 3


@pytest.mark.parametrize(("connections", "made"), [(0, 10), (4, 4)])
async def test_each_request_may_have_a_connection_of_its_own(connections: int, made: int) -> None:
    served: set[asyncio.Task[None] | None] = set()
    async with server(10, served) as port:
        answers = await Load(port, ASKED).at_rate(1000, 0.01, connections=connections)
    assert (answers.good, len(served)) == (10, made)


async def test_a_server_that_stops_answering_ends_the_measuring_of_throughput() -> None:
    async with server(1, set()) as port:
        with pytest.raises(ConnectionError, match="2 requests were not answered"):
            await Load(port, ASKED, patience_seconds=0.05).at_once(2, 0.01)
