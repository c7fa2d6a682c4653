from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .program import Program, program


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Program]:
    """The whole application in mock mode, called in process."""
    async with program(tmp_path) as running:
        yield running
