"""What the server writes, and when, without a socket: requests in as bytes, answers out as bytes."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from backend.api.layers.admission import Admission, Capacity
from backend.api.layers.overload import Overload
from backend.cli.http import flow
from backend.cli.http.idle_connections import IDLE_SECONDS, IdleConnections
from backend.cli.http.protocol import CLOSE, HttpProtocol
from backend.observability.metrics import Metrics

LENGTH = (b"content-length", b"5")


class Wire(asyncio.Transport):
    """Keeps each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False
        self.is_read = True

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


class Program:
    """Answers "hello", behind an ``Overload``; ``send`` may be another answer."""

    def __init__(self, answer: Callable[[Send], Awaitable[None]] | None = None, *, waiting: int = 0) -> None:
        admission = Admission(Capacity(1, waiting, 10), Metrics(), [])
        self.state = SimpleNamespace(admission=admission)
        self.may_answer = asyncio.Event()
        self.tasks = 0
        self.server = ServerState()
        self._answer = answer or hello
        self._overload = Overload(self._app, admission)
        self._config = uvicorn.Config(self, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
        self._config.load()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.tasks += 1
        await self._overload(scope, receive, send)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        while scope["method"] == "POST" and (await receive()).get("more_body"):
            """Until it is whole."""
        await self.may_answer.wait()
        await self._answer(send)

    def connect(self) -> "Client":
        return Client(HttpProtocol(self._config, self.server, {}))


class Client:
    def __init__(self, protocol: HttpProtocol) -> None:
        self.wire = Wire()
        self.protocol = protocol
        protocol.connection_made(self.wire)

    async def send(self, data: bytes) -> bytes:
        """All that the server wrote up to now, once everything has happened that can."""
        self.protocol.data_received(data)
        return await self.answers()

    async def answers(self) -> bytes:
        for _ in range(20):
            await asyncio.sleep(0)
        return b"".join(self.wire.written)


async def hello(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [LENGTH]})
    await send({"type": "http.response.body", "body": b"hello"})


async def in_pieces(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in (b"hel", b"lo"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def with_two_lines(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [LENGTH, (b"x", b"a\r\nb: c")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def too_short(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [LENGTH]})
    await send({"type": "http.response.body", "body": b"hell"})


async def with_nothing_after_its_head(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [LENGTH]})
    raise ValueError


def get(more: bytes = b"", *, method: bytes = b"GET") -> bytes:
    return b"%s /api/orders/ORDER-1 HTTP/1.1\r\nHost: here\r\n%s\r\n" % (method, more)


def post(body: bytes) -> bytes:
    return b"POST /api/payment/create HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def test_a_whole_answer_is_written_as_one() -> None:
    program = Program()
    program.may_answer.set()
    client = program.connect()
    for number in range(1, 3):
        await client.send(get())
        assert client.wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"] * number


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (get(b"Connection: close\r\n"), b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"),
        (get(method=b"HEAD"), b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
    ],
)
async def test_what_asks_for_less_gets_less(request_: bytes, answer: bytes) -> None:
    program = Program()
    program.may_answer.set()
    client = program.connect()
    assert await client.send(request_) == answer
    assert client.wire.is_closed == (b"close" in answer)


async def test_an_answer_in_pieces_is_sent_in_pieces() -> None:
    program = Program(in_pieces)
    program.may_answer.set()
    answer = await program.connect().send(get())
    assert answer.partition(b"\r\n\r\n")[2] == b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [with_two_lines, with_nothing_after_its_head])
async def test_an_answer_that_cannot_be_sent_is_never_begun(answer: Callable[[Send], Awaitable[None]]) -> None:
    program = Program(answer)
    program.may_answer.set()
    assert b"\nb: c" not in await program.connect().send(get())


async def test_an_answer_that_is_too_short_ends_the_connection() -> None:
    program = Program(too_short)
    program.may_answer.set()
    client = program.connect()
    await client.send(get())
    assert client.wire.is_closed


async def test_whoever_is_answered_while_the_server_leaves_is_told_to_go() -> None:
    program = Program()
    program.may_answer.set()
    program.server.default_headers.append(CLOSE)
    client = program.connect()
    assert b"connection: close" in await client.send(get())
    assert client.wire.is_closed


async def test_what_is_too_much_is_refused_before_there_is_a_task_for_it() -> None:
    program = Program()
    first, second = program.connect(), program.connect()
    await first.send(get())
    refused = await second.send(post(b"{}"))
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 2\r\n" in refused
    assert (len(second.wire.written), program.tasks) == (1, 1)
    program.may_answer.set()
    assert await first.answers()
    assert b"hello" in await second.send(get()), "the connection and the place are good for the next one"


async def test_the_body_of_what_was_refused_is_passed_over_when_it_comes() -> None:
    program = Program()
    first, second = program.connect(), program.connect()
    await first.send(get())
    whole = post(b"x" * 60_000)
    for at in range(0, len(whole), 1000):
        await second.send(whole[at : at + 1000])
    await second.send(whole)
    assert [answer[:12] for answer in second.wire.written] == [b"HTTP/1.1 503"] * 2
    assert not second.wire.is_closed


async def test_a_refused_body_that_looks_like_a_request_is_none() -> None:
    program = Program()
    first, second = program.connect(), program.connect()
    await first.send(get())
    head, body = post(get()).split(b"\r\n\r\n", 1)
    await second.send(head + b"\r\n\r\n")
    await second.send(body)
    assert len(second.wire.written) == 1
    await second.send(get())
    assert len(second.wire.written) == 2


async def test_whoever_is_refused_again_and_again_is_not_idle() -> None:
    program = Program()
    first, second = program.connect(), program.connect()
    await first.send(get())
    idle = IdleConnections(most=10)
    for now in range(0, 3 * int(IDLE_SECONDS), int(IDLE_SECONDS) - 1):
        await second.send(post(b"{}"))
        idle.end([second.protocol], now)
    assert not second.wire.is_closed
    idle.end([second.protocol], now + IDLE_SECONDS)
    assert second.wire.is_closed


class Alarms:
    """A loop's clock, which goes on by being told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._waiting: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> object:
        self._waiting.append((self.now + seconds, call))
        return call

    def go_on(self, seconds: float) -> int:
        """How many were set off."""
        self.now += seconds
        over = [call for at, call in self._waiting if at <= self.now]
        self._waiting = [each for each in self._waiting if each[0] > self.now]
        for call in over:
            call()
        return len(over)


async def test_whoever_was_refused_may_be_idle_as_long_as_anybody() -> None:
    program = Program()
    first, second = program.connect(), program.connect()
    await first.send(get())
    protocol, loop = second.protocol, Alarms()
    protocol.loop = cast(asyncio.AbstractEventLoop, loop)
    step, alarms = protocol.timeout_keep_alive / 10, 0
    for _ in range(100):
        protocol.data_received(post(b"{}"))
        alarms += loop.go_on(step)
    assert not second.wire.is_closed
    assert alarms < 20, "not one for each refusal"
    loop.go_on(protocol.timeout_keep_alive - step)
    assert second.wire.is_closed


async def test_whoever_is_refused_while_the_server_leaves_is_told_to_go() -> None:
    program = Program()
    first, second = program.connect(), program.connect()
    await first.send(get())
    program.server.default_headers.append(CLOSE)
    assert b"connection: close" in await second.send(post(b"{}"))
    assert second.wire.is_closed


async def test_thousands_of_requests_in_one_piece_are_all_refused() -> None:
    program = Program()
    first, second = program.connect(), program.connect()
    await second.send(get())
    many = await second.send(get() * 2000)
    assert many == b""
    await first.send(get())
    program.may_answer.set()
    for _ in range(2000):
        answers = await second.answers()
    assert answers.count(b"HTTP/1.1 ") == 2001


@pytest.mark.parametrize("request_", [get(), post(b"{}")])
async def test_nothing_more_is_read_while_requests_wait_on_their_connection(request_: bytes) -> None:
    program = Program(waiting=1)
    client = program.connect()
    await client.send(request_ * 10)
    program.may_answer.set()
    while client.protocol.pipeline:
        assert not client.wire.is_read
        await asyncio.sleep(0)
    assert (await client.answers()).count(b"HTTP/1.1 200") == 10
    assert client.wire.is_read


async def test_of_thousands_of_requests_in_one_piece_few_are_taken_up_at_a_time() -> None:
    program = Program(waiting=1)
    client = program.connect()
    await client.send((get() + post(b"{}")) * 1000)
    program.may_answer.set()
    most, answered = 0, 0
    while answered < 2000:
        most = max(most, len(client.protocol.pipeline))
        assert client.wire.is_read is (not client.protocol.pipeline)
        answered = (await client.answers()).count(b"HTTP/1.1 200")
    assert 0 < most < 50
    assert client.wire.is_read
    assert b"200 OK" in await client.send(get())


async def test_what_comes_after_a_piece_that_is_no_request_is_not_looked_at() -> None:
    program = Program()
    program.may_answer.set()
    client = program.connect()
    await client.send(b"no request\r\n" + get() * 1000)
    assert [answer[:12] for answer in client.wire.written] == [b"HTTP/1.1 400"]
    assert client.wire.is_closed


async def test_the_body_of_a_request_that_waited_on_its_connection_is_read_in_its_turn() -> None:
    program = Program(waiting=1)
    client = program.connect()
    last = post(b"{}")
    await client.send(get() + last[:-1])
    assert not client.wire.is_read
    program.may_answer.set()
    await client.answers()
    assert client.wire.is_read
    assert (await client.send(last[-1:])).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("come", [0, 1])
async def test_whoever_keeps_a_body_back_keeps_nobody_from_answers(come: int) -> None:
    program = Program()
    program.may_answer.set()
    first, second = program.connect(), program.connect()
    slow = post(b"{}")
    assert await first.send(slow[: come - 2]) == b""
    assert b"200 OK" in await second.send(post(b"{}"))
    assert b"200 OK" in await first.send(slow[come - 2 :])


async def test_whoever_keeps_a_body_back_and_leaves_takes_no_place_along() -> None:
    program = Program()
    program.may_answer.set()
    first, second = program.connect(), program.connect()
    await first.send(post(b"{}")[:-1])
    first.protocol.connection_lost(None)
    await first.answers()
    program.may_answer.clear()
    assert await second.send(get()) == b""
    assert b"503" in await program.connect().send(get()), "there is one place, as before"


async def test_whoever_does_not_read_keeps_nobody_from_answers() -> None:
    program = Program()
    program.may_answer.set()
    first, second = program.connect(), program.connect()
    first.protocol.pause_writing()
    assert await first.send(get()) == b""
    assert b"200 OK" in await second.send(get())
    first.protocol.resume_writing()
    assert b"200 OK" in await first.answers()


async def test_whoever_does_not_read_for_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LONGEST_UNREAD_SECONDS", 0)
    program = Program()
    program.may_answer.set()
    client = program.connect()
    client.protocol.pause_writing()
    assert await client.send(get() * 3) == b""
    assert client.wire.is_closed
    assert program.tasks == 1, "nobody waits for the other answers"


async def test_those_that_come_at_once_find_only_as_many_places_as_there_are() -> None:
    program = Program(waiting=2)
    clients = [program.connect() for _ in range(10)]
    for client in clients:
        client.protocol.data_received(get())  # all in one turn of the loop
    statuses = [(await client.answers())[9:12] for client in clients]
    assert statuses == [b""] * 3 + [b"503"] * 7
    assert program.tasks == 3
    program.may_answer.set()
    assert [(await client.answers())[9:12] for client in clients[:3]] == [b"200"] * 3
