"""The two programs of the crash test: one writes until it is killed, one reads what is there afterwards.

    python -m tests.contracts.crash_worker write sqlite PATH ROUND-NAME
    python -m tests.contracts.crash_worker read mongo URL < acknowledged lines

The writer prints a line for each write after the store has acknowledged it: ``order ID VERSION`` or ``delivery ID
RECEIVED``. The reader takes such lines and prints those that are lost, in words, and ``landed`` for each write to
the same names that is there though nobody was told.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from backend.domain.deliveries import delivery_id
from backend.domain.history import broken_at
from backend.domain.model import Order, OrderId
from backend.domain.terms import Mode
from backend.ports import OrderStore, StoreError
from backend.stores import MongoStore, SqliteStore

from .examples import NOON, a_delivery, an_order, noted
from .faults import careless_connection_class

DATABASE: Final = "crash"
AT_ONCE: Final = 16
VERSIONS: Final = 4
PAGE: Final = 500
READ_FOR: Final = timedelta(days=1)


def make_store(kind: str, place: str) -> OrderStore:
    match kind:
        case "sqlite":
            return SqliteStore(Path(place))
        case "careless":
            return SqliteStore(Path(place), connection_class=careless_connection_class())
        case _:
            return MongoStore(place, DATABASE)


def versions_of(reference: str) -> Iterator[Order]:
    """The order as it is first written, and as each next write leaves it."""
    order = an_order(reference)
    yield order
    for version in range(2, VERSIONS + 1):
        order = noted(order, f"version {version}")
        yield order


# --- the writer ------------------------------------------------------------------------------------------------------


async def write(store: OrderStore, name: str) -> None:
    """Write until killed, or until the store is gone: what it then says is not acknowledged."""
    await store.open()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(_write_on(store, f"{name}-{number}"))
    except* StoreError:
        pass  # the engine was killed, and what it did not acknowledge was not said


async def _write_on(store: OrderStore, name: str) -> None:
    for number in count():
        for order in versions_of(f"{name}-{number}"):
            if order.version == 1:
                assert await store.insert(order)
            else:
                assert await store.replace(order, order.version - 1)
            _say(f"order {order.id} {order.version}")
        delivery = a_delivery(f"{name}-{number}".encode())
        for _ in range(2):
            received = (await store.receive(delivery)).received
            _say(f"delivery {delivery.id} {received}")


def _say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())  # one write a line, so that a kill cuts none in two


# --- the reader ------------------------------------------------------------------------------------------------------


async def read(store: OrderStore, lines: list[str]) -> list[str]:
    """What became of the writes that ``lines`` say were acknowledged."""
    acknowledged: dict[str, int] = {}
    for line in lines:
        _, name, number = line.split()
        acknowledged[name] = max(acknowledged.get(name, 0), int(number))
    await store.open()
    try:
        received = await _received(store)
        found: list[str] = []
        for name, said in acknowledged.items():
            order = await store.get(OrderId(name)) if name not in received else None
            there = received.get(name, 0) if order is None else order.version
            if there < said:
                found.append(f"lost: {name} was acknowledged at {said}, and is at {there}")
            elif order is not None and not _is_whole(order):
                found.append(f"lost: {name} is not what was written")
            found.extend(["landed"] * (there - said))
        return found
    finally:
        await store.close()


def _is_whole(order: Order) -> bool:
    written = {version.version: version for version in versions_of(order.reference)}
    return order == written[order.version] and broken_at(order.history) is None


async def _received(store: OrderStore) -> dict[str, int]:
    """How often each delivery was counted; taking all pages is the only way to see them."""
    received: dict[str, int] = {}
    now = _next_reading()
    while rows := await store.take_deliveries(Mode.MOCK, now, now + READ_FOR, PAGE):
        for row in rows:
            assert row.id == delivery_id(row.mode, row.gateway, row.body)
            received[row.id] = row.received
    return received


def _next_reading() -> datetime:
    """Later than any reading before took its rows until."""
    return NOON + 2 * READ_FOR * int(os.environ.get("READING", "1"))


def main() -> None:
    command, kind, place, *rest = sys.argv[1:]
    store = make_store(kind, place)
    if command == "write":
        asyncio.run(write(store, rest[0]))
    else:
        for line in asyncio.run(read(store, sys.stdin.read().splitlines())):
            _say(line)


if __name__ == "__main__":
    main()
