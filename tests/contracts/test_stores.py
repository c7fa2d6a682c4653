"""The contract, held against each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from . import inbox, order_store, records, searching
from .bench import Bench, MemoryBench, MongoBench, SqliteBench


@pytest.fixture
def memory_bench() -> Bench:
    return MemoryBench()


@pytest.fixture
async def sqlite_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = SqliteBench(tmp_path)
    yield bench
    await bench.close()


@pytest.fixture
async def mongo_bench(mongodb_url: str, mongodb_database_name: str) -> AsyncIterator[Bench]:
    bench = MongoBench(mongodb_url, mongodb_database_name)
    yield bench
    await bench.close()


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def bench(request: pytest.FixtureRequest) -> Bench:
    bench: Bench = request.getfixturevalue(f"{request.param}_bench")
    return bench


@pytest.mark.parametrize(
    "check", [*order_store.CHECKS, *inbox.CHECKS, *searching.CHECKS, *records.CHECKS], ids=lambda check: check.__name__
)
async def test_contract(check: order_store.Check, bench: Bench) -> None:
    await check(bench)
