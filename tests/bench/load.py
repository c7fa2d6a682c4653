"""A load generator that keeps time by the plan, not by the answers: no coordinated omission.

``at_rate`` starts each request when its time has come and measures from that time, so whoever is slow is charged for
everybody who had to wait. ``at_once`` keeps a number of requests under way, which tells throughput, and how long one
takes among so many.

HTTP/1.1 over kept connections, spoken just well enough for servers that answer with a Content-Length: it has to cost
far less than what it measures.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, cast

PATIENCE_SECONDS: Final = 30.0
"""After the last request was started."""
MOST_CONNECTIONS: Final = 600

Requests = Iterator[bytes]


@dataclass(slots=True)
class Answers:
    """What came of a stretch of load; times in seconds, from when a request was to start to its last byte."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    shed_times: list[float] = field(default_factory=list)
    first_refused: bytes = b""
    finished: int = 0
    """Everything that was answered, also after the time that counts: what processor time was spent on."""

    @property
    def good(self) -> int:
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def per_second(self) -> float:
        return self.good / self.seconds

    def note(self, status: int, took: float, answer: bytes) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if 200 <= status < 300:
            self.times.append(took)
        else:
            self.first_refused = self.first_refused or answer
            self.shed_times.append(took)

    def percentile(self, share: float) -> float:
        """In milliseconds, of the requests that succeeded."""
        return percentile(self.times, share)


def percentile(times: list[float], share: float) -> float:
    """In milliseconds."""
    ordered = sorted(times)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Connection(asyncio.Protocol):
    """One connection with one request under way at most."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._wanted = 0
        self._began = 0.0
        self.is_asking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def ask(self, request: bytes, due: float) -> None:
        self._began = due
        self.is_asking = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._wanted:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            at = head.index(b"content-length:") + 15
            self._wanted = end + 4 + int(head[at : (head + b"\r").index(b"\r", at)])
        if len(self._buffer) >= self._wanted:
            answer, self._buffer, self._wanted = self._buffer, b"", 0
            self.is_asking = False
            self._load.answered(self, int(answer[9:12]), self._began, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self, exc)


class Load:
    """One stretch of load on a port; used once."""

    def __init__(self, port: int, requests: Requests, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._port = port
        self._patience_seconds = patience_seconds
        self._requests = requests
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._closes = False
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._under_way = 0
        self._ends_at = float("inf")
        self._ended_at = 0.0
        self._least = 0
        self._closed_loop = False
        self._over = asyncio.get_running_loop().create_future()
        self.answers = Answers()

    async def at_once(self, concurrency: int, seconds: float, *, least: int = 0) -> Answers:
        """Keep ``concurrency`` requests under way for ``seconds``, or longer, until there are ``least`` answers.

        Two for everybody there are in any case.

        Answers that come later do not count.

        Raises:
            ConnectionError: the server hung up, or stopped answering.
        """
        self._closed_loop = True
        await self._connect(concurrency)
        began = time.perf_counter()
        self._ends_at, self._least = began + seconds, max(least, 2 * concurrency)
        self._under_way = concurrency
        for connection in self._idle:
            connection.ask(next(self._requests), began)
        await self._wait()
        self.answers.seconds = self._ended_at - began
        return self.answers

    async def at_rate(self, rate: float, seconds: float, *, connections: int = 64) -> Answers:
        """Start ``rate`` requests a second, whatever becomes of those before; some may be left without an answer.

        With no ``connections`` each request has one of its own, which its time includes.
        """
        self._closes = not connections
        await self._connect(connections)
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            self._start(next(self._requests), due)
            if number % 16 == 0:
                await asyncio.sleep(0)
        self._ends_at = time.perf_counter()
        await self._wait()
        self.answers.seconds = max(seconds, self._ended_at - began)
        return self.answers

    def _start(self, request: bytes, due: float) -> None:
        self._under_way += 1
        if self._closes:
            task = asyncio.create_task(self._ask_alone(request, due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        elif self._idle:
            self._idle.pop().ask(request, due)
        else:
            self._waiting.append((request, due))

    async def _ask_alone(self, request: bytes, due: float) -> None:
        (await self._open()).ask(request, due)

    def answered(self, connection: Connection, status: int, began: float, answer: bytes) -> None:
        now = time.perf_counter()
        self.answers.finished += 1
        if self._closed_loop:
            if now < self._ends_at or self.answers.finished <= self._least:
                self._ended_at = now
                self.answers.note(status, now - began, answer)
                connection.ask(next(self._requests), now)
                return
        else:
            self._ended_at = now
            self.answers.note(status, now - began, answer)
            if self._waiting:
                self._under_way -= 1
                connection.ask(*self._waiting.popleft())
                return
            if self._closes:
                connection.transport.close()
                self._all.discard(connection)
            else:
                self._idle.append(connection)
        self._under_way -= 1
        if not self._under_way and now >= self._ends_at:
            self._finish()

    def lost(self, connection: Connection, exc: Exception | None) -> None:
        """Servers close connections that were idle for seconds."""
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.is_asking and not self._over.done():
            self._over.set_exception(ConnectionError(f"the server hung up ({exc})"))

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    async def _connect(self, count: int) -> None:
        self._idle = [await self._open() for _ in range(min(count, MOST_CONNECTIONS))]

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
        self._all.add(connection)
        return connection

    async def _wait(self) -> None:
        try:
            if self._under_way:
                async with asyncio.timeout(max(0.0, self._ends_at - time.perf_counter()) + self._patience_seconds):
                    await self._over
        except TimeoutError:
            if self._closed_loop:
                raise ConnectionError(f"{self._under_way} requests were not answered in time") from None
        finally:
            self._finish()
            for connection in self._all:
                connection.transport.close()


def request(method: str, path: str, *, headers: bytes = b"", body: bytes = b"") -> bytes:
    """One HTTP/1.1 request; ``headers`` are whole lines."""
    about_body = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if body else b""
    return b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s\r\n%s" % (
        method.encode(), path.encode(), headers, about_body, body
    )  # fmt: skip
