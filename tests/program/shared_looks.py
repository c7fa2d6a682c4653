"""Three worker processes share the looks at many open orders in one SQLite file: is each asked about once?

    python -m tests.program.shared_looks --orders 10000

Each worker is the real reconciler on the real store; only the gateway is a stand-in, which notes what it is asked and
knows no news. Prints how often orders were asked about, and how long it took.
"""

import argparse
import asyncio
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, cast

from msgspec.structs import replace

from backend.clock import SystemClock
from backend.domain.events import JobOpened
from backend.domain.facts import JobSnapshot
from backend.domain.model import Order
from backend.domain.references import JobReference
from backend.domain.schedule import BACKOFF
from backend.domain.terms import Mode
from backend.ports import PaymentGateway
from backend.service.orders import Orders
from backend.service.reconcile import Reconciler
from backend.stores import SqliteStore
from backend.stores.sqlite_order_rows import INSERT, order_values
from tests.domain.builders import after, placed, planned

WORKERS: Final = 3
READY: Final = "ready\n"


@dataclass(frozen=True)
class Shared:
    """``asked`` counts for each payment job how often the gateway was asked about it."""

    asked: Counter[str]
    by_worker: list[int]
    seconds: float

    @property
    def exactly_once(self) -> bool:
        return set(self.asked.values()) == {1}


def share(folder: Path, orders: int, workers: int = WORKERS) -> Shared:
    """Fill a store with open orders that are due, and have workers look until nothing is."""
    file = folder / "orders.sqlite3"
    asyncio.run(_create(file))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany(INSERT, (order_values(order, 0) for order in due_orders(orders)))
    command = [sys.executable, "-m", "tests.program.shared_looks", "--work", str(file)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(workers)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == READY, "it did not start"
    began = time.monotonic()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate()[0].split() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    return Shared(Counter(name for names in told for name in names), [len(names) for names in told], _since(began))


def due_orders(count: int) -> Iterator[Order]:
    """Open orders that have been looked at so often that the next look after this one is a quarter of an hour off."""
    now = datetime.now(UTC)
    for number in range(count):
        order = planned(placed(f"A-{number}"), at=now)
        order = after(order, JobOpened(1, JobReference(f"job-{number}"), "https://gateway.example/", ()), at=now)
        yield replace(order, next_check_at=now - timedelta(minutes=1), looks_since_news=len(BACKOFF))


class Noting:
    """Knows every job, has no news of any, and tells on standard output what it was asked."""

    async def retrieve_payment_job(self, reference: JobReference) -> JobSnapshot:
        await asyncio.sleep(0)
        sys.stdout.write(f"{reference}\n")
        return JobSnapshot(reference, None, payable=True, payments=())


async def work(file: Path) -> None:
    store, clock = SqliteStore(file), SystemClock()
    await store.open()
    gateways = {"cashflows": cast(PaymentGateway, Noting())}
    reconciler = Reconciler(Orders(store, clock, Mode.MOCK), store, gateways, clock, Mode.MOCK)
    sys.stdout.write(READY)
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    while await reconciler.run_due():
        pass
    await store.close()


async def _create(file: Path) -> None:
    store = SqliteStore(file)
    await store.open()
    await store.close()


def _since(began: float) -> float:
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    if given.work is not None:
        asyncio.run(work(given.work))
        return
    with tempfile.TemporaryDirectory() as folder:
        shared = share(Path(folder), given.orders)
    often = Counter(shared.asked.values())
    sys.stdout.write(
        f"{given.orders} open orders, {WORKERS} workers: asked about {dict(often)} (times: orders), "
        f"by each worker {shared.by_worker}, in {shared.seconds:.1f} s\n"
    )
    sys.exit(0 if shared.exactly_once and len(shared.asked) == given.orders else 1)


if __name__ == "__main__":
    main()
