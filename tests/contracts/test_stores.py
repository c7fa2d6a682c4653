"""The contract, held against each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.stores.mongo_writes import BULK_WRITE_SINCE

from . import applying, inbox, order_store, records, searching
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


@pytest.fixture
async def old_mongo_bench(mongodb_url: str, mongodb_database_name: str) -> AsyncIterator[Bench]:
    """A server that does not know how to take writes together."""
    bench = MongoBench(mongodb_url, mongodb_database_name, most_wire_version=BULK_WRITE_SINCE - 1)
    yield bench
    await bench.close()


@pytest.fixture(params=["memory", "sqlite", "mongo", "old_mongo"])
def bench(request: pytest.FixtureRequest) -> Bench:
    bench: Bench = request.getfixturevalue(f"{request.param}_bench")
    return bench


@pytest.mark.parametrize(
    "check",
    [*order_store.CHECKS, *inbox.CHECKS, *applying.CHECKS, *searching.CHECKS, *records.CHECKS],
    ids=lambda check: check.__name__,
)
async def test_contract(check: order_store.Check, bench: Bench) -> None:
    await check(bench)
