"""A MongoDB that loses an answer, or gives a bad one: a proxy, so that the driver itself is part of what is tested.

Source: MongoDB manual, "Wire Protocol": each message starts with its length; in an OP_MSG the first name in the body is
the command.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import bson

from .faults import LostAnswer

OP_MSG: Final = 2013
COMMAND_NAME_AT: Final = 16 + 4 + 1 + 4 + 1
"""After the header, the flags, the section's kind, the body's length and the first element's type."""

WRITES: Final = frozenset({b"bulkWrite", b"insert", b"update", b"findAndModify"})


@dataclass
class BadAnswer:
    """Answers the next ``times`` of ``commands`` itself, without asking the server."""

    document: dict[str, object]
    times: int = 0
    commands: frozenset[bytes] = WRITES

    def strikes(self) -> bool:
        struck, self.times = self.times > 0, self.times - 1
        return struck

    def message(self, question: bytes) -> bytes:
        body = b"\x00" * 4 + b"\x00" + bson.encode(self.document)
        (request_id,) = struct.unpack_from("<i", question, 4)
        return struct.pack("<iiii", 16 + len(body), 0, request_id, OP_MSG) + body


@asynccontextmanager
async def lossy_proxy(url: str, fault: LostAnswer | BadAnswer) -> AsyncIterator[str]:
    """The URL of a way to the server at ``url`` on which ``fault`` may strike.

    A connection on which an answer was lost is cut.
    """
    parts = urlsplit(url)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        upstream_reader, upstream_writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            with closing(writer), closing(upstream_writer):
                await _relay(reader, writer, upstream_reader, upstream_writer, fault)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # one side hung up
        finally:
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield parts._replace(netloc=f"127.0.0.1:{port}").geturl()
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream_reader: asyncio.StreamReader,
    upstream_writer: asyncio.StreamWriter,
    fault: LostAnswer | BadAnswer,
) -> None:
    """Pass on a question, then its answer; the driver asks one thing at a time on a connection."""
    commands = fault.commands if isinstance(fault, BadAnswer) else WRITES
    while True:
        question = await _message(reader)
        struck = fault if _command(question) in commands and fault.strikes() else None
        if isinstance(struck, LostAnswer) and not struck.landed:
            return
        if isinstance(struck, BadAnswer):
            answer = struck.message(question)
        else:
            upstream_writer.write(question)
            answer = await _message(upstream_reader)
        if isinstance(struck, LostAnswer):
            return
        writer.write(answer)
        await writer.drain()


async def _message(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length, "little") - 4)


def _command(message: bytes) -> bytes:
    return message[COMMAND_NAME_AT : message.index(0, COMMAND_NAME_AT)]
