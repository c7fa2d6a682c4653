"""A gateway that answers as Cashflows does to "create payment job", after a set time, and costs next to nothing.

The job's reference follows from the order's number, so that whoever sends webhooks about it need not be told.

The simulator keeps a ledger in SQLite, and so would be what is measured here. ``python -m tests.bench.gateway PORT
MILLISECONDS``.
"""

import asyncio
import json
import re
import sys
from typing import Final, cast

import uvloop

from .orders import job_of

ORDER_NUMBER: Final = re.compile(rb'"orderNumber": ?"([^"]+)"')


def created(asked: bytes) -> bytes:
    number = ORDER_NUMBER.search(asked)
    assert number is not None, asked
    job = job_of(number[1].decode())
    body = json.dumps(
        {
            "data": {
                "reference": job,
                "paymentStatus": "Pending",
                "payments": [{"reference": f"{job}-1", "status": "Pending"}],
            },
            "links": {"action": {"url": f"https://gateway.example/payment/{job}", "title": "Redirect"}},
        }
    ).encode()
    return b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Gateway(asyncio.Protocol):
    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer[:end].lower().find(b"content-length:")
        length = int(self._buffer[at + 15 : self._buffer.index(b"\r", at)]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        asked, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._answer, asked)
        else:
            self._answer(asked)

    def _answer(self, asked: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(created(asked))


async def serve(port: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Gateway(delay), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000))
