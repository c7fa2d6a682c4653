"""What a real connection does to a call: is it known that nothing was sent, or may the gateway have acted?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import pytest

from backend.assemble import make_gateways
from backend.config import Settings
from backend.domain.references import JobReference
from backend.gateways.exchange import NoAnswer, NothingSent, Reply
from backend.gateways.http import GatewayHttp
from backend.gateways.network import Network

CALLS = 150

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def post(url: str, deadline_seconds: float = 5) -> Reply:
    async with aclosing(Network()) as network:
        return await GatewayHttp(network, deadline_seconds=deadline_seconds).send("POST", url, body=b"{}", headers={})


async def request_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2)


async def test_a_reply_is_read_whole() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await request_of(reader)
        assert b"accept-encoding: identity" in request.lower()
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nbody")
        await writer.drain()

    async with server(answer) as url:
        assert await post(url) == Reply(201, b"body")


async def test_a_closed_port_means_nothing_was_sent() -> None:
    async with server(lambda _, __: asyncio.sleep(0)) as url:
        pass
    with pytest.raises(NothingSent):
        await post(url)


async def test_a_name_that_does_not_resolve_means_nothing_was_sent() -> None:
    with pytest.raises(NothingSent):
        await post("http://gateway.invalid/")


async def close_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)


async def reset_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.transport.abort()


async def reply_in_part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    await writer.drain()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.write(b"\x00\x01 this is no HTTP\r\n\r\n")
    await writer.drain()


async def enormous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        await writer.drain()


async def compressed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    "serve", [close_after_request, reset_after_request, reply_in_part, garbage, enormous, compressed]
)
async def test_a_connection_that_breaks_after_sending_leaves_the_outcome_open(serve: Serve) -> None:
    async with server(serve) as url:
        with pytest.raises(NoAnswer):
            await post(url)


async def test_a_reply_that_drips_in_is_cut_off_at_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with server(drip) as url:
        with pytest.raises(NoAnswer, match="TimeoutError"):
            await post(url, deadline_seconds=0.3)


async def test_a_redirect_is_not_followed() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with server(redirect) as url:
        assert (await post(url)).status == 302


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "GET"])
async def test_a_kept_connection_that_the_gateway_closed_is_not_silently_sent_on_again(method: str) -> None:
    """A pooled connection may die between two calls; whether the second call was read is then not known."""
    requests: list[bytes] = []

    async def answer_then_swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await request_of(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        requests.append(await request_of(reader))

    async with server(answer_then_swallow) as url, aclosing(Network()) as network:
        http = GatewayHttp(network, deadline_seconds=5)
        await http.send(method, url, body=b"{}", headers={})
        with pytest.raises(NoAnswer):
            await http.send(method, url, body=b"{}", headers={})
    assert len(requests) == 2


async def test_far_more_calls_wait_for_the_gateway_at_once_than_a_pool_has_by_itself(tmp_path: Path) -> None:
    """Each is answered only once all of them are there."""
    everybody, arrived = asyncio.Event(), 0

    async def answer_together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await reader.readuntil(b"\r\n\r\n")
        arrived += 1
        if arrived == CALLS:
            everybody.set()
        await everybody.wait()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with server(answer_together) as url, AsyncExitStack() as stack:
        settings = Settings(_env_file=None, data_dir=tmp_path, **credentials(url))  # type: ignore[arg-type]
        gateways, transports = make_gateways(settings, None)
        for transport in transports:
            await stack.enter_async_context(transport)
        reads = (gateways["cashflows"].retrieve_payment_job(JobReference(str(n))) for n in range(CALLS))
        async with asyncio.timeout(30):
            await asyncio.gather(*reads)
    assert arrived == CALLS


def credentials(url: str) -> dict[str, str]:
    return {
        "cashflows_merchant_id": "200426100000000000",
        "cashflows_api_key": "a-key",
        "cashflows_api_secret": "a-secret",
        "cashflows_webhook_secret": "a-webhook-secret",
        "cashflows_gateway_url": url,
        "jwt_secret_key": "a secret of the tests, long enough to be one",
    }
