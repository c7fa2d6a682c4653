"""Calls to a gateway whose network is still being loaded: they wait for it, and nobody waits for them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping

import pytest

from backend.gateways.exchange import Exchange, Reply
from backend.gateways.late_network import LateNetwork

ANSWER = Reply(200, b"answer")


class Loading:
    """A network that takes until it is told to be there."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.times = 0
        self.closed = False

    def __call__(self) -> "Made":
        self.times += 1
        assert self.done.wait(10)
        return Made(self)


class Made:
    def __init__(self, loading: Loading) -> None:
        self._loading = loading

    async def __call__(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], connect_seconds: float
    ) -> Reply:
        assert (method, url, body, headers, connect_seconds) == ("GET", "http://gateway.test/", b"", {"A": "b"}, 5)
        return ANSWER

    async def aclose(self) -> None:
        self._loading.closed = True


async def get(network: Exchange) -> Reply:
    return await network("GET", "http://gateway.test/", b"", {"A": "b"}, 5)


@pytest.fixture
async def loading() -> AsyncIterator[Loading]:
    loading = Loading()
    yield loading
    loading.done.set()


async def test_it_is_loaded_from_the_opening_on_while_others_go_on(loading: Loading) -> None:
    async with LateNetwork(loading) as network:
        call = asyncio.create_task(get(network))
        await asyncio.sleep(0)
        assert not call.done()
        loading.done.set()
        assert await call == ANSWER
        assert await get(network) == ANSWER
    assert (loading.times, loading.closed) == (1, True)


async def test_who_stops_waiting_takes_it_from_nobody_else(loading: Loading) -> None:
    async with LateNetwork(loading) as network:
        impatient = asyncio.create_task(get(network))
        patient = asyncio.create_task(get(network))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        loading.done.set()
        assert await patient == ANSWER
    assert loading.times == 1


async def test_it_is_loaded_by_the_first_call_over_one_that_nobody_opened(loading: Loading) -> None:
    loading.done.set()
    network = LateNetwork(loading)
    assert await get(network) == ANSWER
    await network.aclose()
    assert loading.closed


async def test_one_that_was_never_used_loads_nothing(loading: Loading) -> None:
    await LateNetwork(loading).aclose()
    assert loading.times == 0
