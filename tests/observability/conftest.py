from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.program import Program, program


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Program]:
    async with program(tmp_path) as running:
        yield running
