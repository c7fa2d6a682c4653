from collections.abc import AsyncIterator

import pytest

from .world import World, world


@pytest.fixture
async def here() -> AsyncIterator[World]:
    """A world with the project's own scheme: signed webhooks."""
    async with world() as made:
        yield made


@pytest.fixture
async def published() -> AsyncIterator[World]:
    """A world with the scheme that Cashflows publishes: unsigned webhooks."""
    async with world(scheme="sha512") as made:
        yield made
