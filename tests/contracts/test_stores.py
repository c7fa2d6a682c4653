"""The contract, held against each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from . import inbox, order_store
from .bench import Bench, MemoryBench, SqliteBench


@pytest.fixture(params=["memory", "sqlite"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    bench: Bench = MemoryBench() if request.param == "memory" else SqliteBench(tmp_path)
    yield bench
    await bench.close()


@pytest.mark.parametrize("check", [*order_store.CHECKS, *inbox.CHECKS], ids=lambda check: check.__name__)
async def test_contract(check: order_store.Check, bench: Bench) -> None:
    await check(bench)
