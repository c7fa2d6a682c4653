from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .program import Program, program


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Program]:
    """The whole application in mock mode, called in process."""
    async with program(tmp_path) as running:
        yield running


@pytest.fixture(params=["sqlite", "mongo"])
def shared(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of processes that share a store, each kind of it."""
    if request.param == "sqlite":
        return {}
    name: str = request.getfixturevalue("mongodb_database_name")
    return {"mongo_url": request.getfixturevalue("mongodb_url"), "db_name": name}
