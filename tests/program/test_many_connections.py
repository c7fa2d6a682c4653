"""Ten thousand connections that ask for nothing: whoever asks for something is answered as usual meanwhile."""

import asyncio
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .host import Backend, Host
from .process import until
from .shop import CALL_OF_THE_GUIDE, customer_token

CONNECTIONS = 10_000
AT_ONCE = 400
SPARE = 500
SLOWEST_SECONDS = 5.0
"""It takes milliseconds; but other tests may have the processors."""
KINDS = (
    b"",
    b"GET /healthz HT",
    b"POST /api/payment/create HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"\x16\x03\x01\x02\x00\x01",
)
"""Nothing at all, half a line, a head that never ends, and the beginning of a TLS handshake."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < CONNECTIONS + SPARE:
        pytest.skip(f"this machine allows a process {before[1]} files: raise the hard limit to {CONNECTIONS + SPARE}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (CONNECTIONS + SPARE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.timeout(300)
async def test_ten_thousand_idle_connections_keep_nobody_out_and_are_ended(many_files: None, host: Host) -> None:
    backend = host.backend({"RATE_LIMIT_USER": "0", "REQUESTS_AT_ONCE": "16"})
    files, memory = open_files(backend), memory_bytes(backend)
    held = await hold(backend, CONNECTIONS)
    most_memory = memory_bytes(backend)
    slowest = await slowest_answer(backend)
    cut_off = await ended(held)
    assert slowest < SLOWEST_SECONDS
    assert cut_off == CONNECTIONS
    assert most_memory - memory < 300 * 2**20
    until("it holds no more files than before", lambda: open_files(backend) <= files + 20)
    assert await slowest_answer(backend) < SLOWEST_SECONDS


@pytest.mark.parametrize("piece", [b"X-A: " + b"a" * 60_000 + b"\r\n", b"a" * 60_000], ids=["many", "one"])
async def test_a_head_without_end_is_cut_off(host: Host, piece: bytes) -> None:
    backend = host.backend()
    _, writer = await asyncio.open_connection("127.0.0.1", backend.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-B: ")
    memory = memory_bytes(backend)
    with pytest.raises(ConnectionError):
        await send(writer, piece, 200 * 2**20)
    assert memory_bytes(backend) - memory < 50 * 2**20
    assert backend.answers("/healthz")


async def send(writer: asyncio.StreamWriter, piece: bytes, count: int) -> None:
    for _ in range(count // len(piece)):
        writer.write(piece)
        await writer.drain()


async def hold(backend: Backend, count: int) -> list[Connection]:
    """Connections that begin in each way to say something, and never go on."""
    held: list[Connection] = []
    while len(held) < count:
        some = min(AT_ONCE, count - len(held))
        held += await asyncio.gather(*(asyncio.open_connection("127.0.0.1", backend.port) for _ in range(some)))
    for number, (_, writer) in enumerate(held):
        writer.write(KINDS[number % len(KINDS)])
    return held


async def slowest_answer(backend: Backend) -> float:
    """Seconds, of twenty questions and twenty payments, each on a connection of its own."""
    headers = {"Authorization": f"Bearer {customer_token()}", "Content-Type": "application/json"}
    seconds = []
    for number in range(20):
        body = CALL_OF_THE_GUIDE.replace(b"TEST-001", b"MANY-%d" % number)
        for method, path, content in (("GET", "/healthz", b""), ("POST", "/api/payment/create", body)):
            async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
                began = time.perf_counter()
                answer = await client.request(
                    method, f"http://127.0.0.1:{backend.port}{path}", content=content, headers=headers
                )
                seconds.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text
    return max(seconds)


async def ended(held: list[Connection]) -> int:
    """How many of them the program ends by itself."""

    async def end(connection: Connection) -> bool:
        reader, writer = connection
        try:
            await reader.read()
        except ConnectionError:
            return True
        finally:
            writer.close()
        return True

    async with asyncio.timeout(60):
        return sum(await asyncio.gather(*(end(connection) for connection in held)))


def open_files(backend: Backend) -> int:
    return len(list(Path(f"/proc/{backend.process.pid}/fd").iterdir()))


def memory_bytes(backend: Backend) -> int:
    pages = int(Path(f"/proc/{backend.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
