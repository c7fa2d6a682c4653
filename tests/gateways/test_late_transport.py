"""Calls to a gateway whose transport is still being loaded: they wait for it, and nobody waits for them."""

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx
import pytest

from backend.gateways.late_transport import LateTransport

GATEWAY = "http://gateway.test/"


class Loading:
    """A transport that takes until it is told to be there."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.times = 0
        self.closed = False

    def __call__(self) -> httpx.AsyncBaseTransport:
        self.times += 1
        assert self.done.wait(10)
        return Made(self)


class Made(httpx.MockTransport):
    def __init__(self, loading: Loading) -> None:
        super().__init__(lambda _: httpx.Response(200, text="answer"))
        self._loading = loading

    async def aclose(self) -> None:
        self._loading.closed = True


@pytest.fixture
async def loading() -> AsyncIterator[Loading]:
    loading = Loading()
    yield loading
    loading.done.set()


async def test_it_is_loaded_from_the_opening_on_while_others_go_on(loading: Loading) -> None:
    async with httpx.AsyncClient(transport=LateTransport(loading)) as client:
        call = asyncio.create_task(client.get(GATEWAY))
        await asyncio.sleep(0)
        assert not call.done()
        loading.done.set()
        assert (await call).text == "answer"
        assert (await client.get(GATEWAY)).text == "answer"
    assert (loading.times, loading.closed) == (1, True)


async def test_who_stops_waiting_takes_it_from_nobody_else(loading: Loading) -> None:
    async with httpx.AsyncClient(transport=LateTransport(loading)) as client:
        impatient = asyncio.create_task(client.get(GATEWAY))
        patient = asyncio.create_task(client.get(GATEWAY))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        loading.done.set()
        assert (await patient).text == "answer"
    assert loading.times == 1


async def test_it_is_loaded_by_the_first_call_of_a_client_that_nobody_opened(loading: Loading) -> None:
    loading.done.set()
    client = httpx.AsyncClient(transport=LateTransport(loading))
    assert (await client.get(GATEWAY)).text == "answer"
    await client.aclose()
    assert loading.closed


async def test_a_client_that_was_never_used_loads_nothing(loading: Loading) -> None:
    await httpx.AsyncClient(transport=LateTransport(loading)).aclose()
    assert loading.times == 0
