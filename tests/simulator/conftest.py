from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from backend.simulator import Clock, Simulator, SimulatorSettings

from .world import Merchant, Shop, Shopper, World, frozen_clock

Worlds = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def worlds() -> Worlds:
    """Opens a world with other settings than the usual."""

    @asynccontextmanager
    async def opened(*, clock: Clock | None = None, shop: Shop | None = None, **settings: Any) -> AsyncIterator[World]:
        shop = shop or Shop()
        chosen = SimulatorSettings(**{"public_base_url": "http://simulator.example", **settings})
        async with shop.client() as webhooks:
            simulator = Simulator(chosen, webhook_client=webhooks, clock=clock or frozen_clock())
            transport = httpx.ASGITransport(app=simulator.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://simulator.example") as client:
                yield World(simulator, client, shop, Merchant(client, chosen), Shopper(client))
            simulator.close()

    return opened


@pytest.fixture
async def world(worlds: Worlds) -> AsyncIterator[World]:
    async with worlds() as made:
        yield made
