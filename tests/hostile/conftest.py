from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.program import Program, program


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """One program for all cases of a module: none of them may leave a trace that another sees."""
    folder = tmp_path_factory.mktemp("hostile")
    async with program(folder, rate_limit_user=0, rate_limit_address=0, rate_limit_webhooks=0) as running:
        yield running
