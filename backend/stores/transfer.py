"""Orders as JSON lines, out of one store and into another: a backup that no database tool is needed for.

A first line says what the file is, each order has a line with its own SHA-256, and a last line has the count and the
SHA-256 of all before it, so that a damaged or cut file is told from a whole one. The service may go on meanwhile: each
order is as it was at one moment, and what is placed after the export began may be missing. The inbox and small records
are not in it: what they led to is in the orders, and what they had not yet is learned from the gateway again.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, BinaryIO, Final

from msgspec import Struct
from msgspec.structs import replace

from ..domain.model import Order, OrderId
from ..domain.terms import Mode
from ..ports import DocumentUnreadable, DocumentUnusable, OrderStore, UnreadableOrder
from . import codec

FORMAT: Final = "rafflestack-orders"
FORMAT_VERSION: Final = 1
PAGE: Final = 200
LONGEST_LINE: Final = 16 * 1024 * 1024
"""MongoDB's limit of a document; nothing that this program wrote is longer."""

Progress = Callable[[int], None]
"""Told after each page how many orders are done."""


class DamagedExport(Exception):
    """The file is not a whole export; nothing was imported. The message says where."""


class Exported(Struct, frozen=True):
    """How many orders were written, and which could not be read, with the reason: those are not in the file."""

    orders: int
    unreadable: Mapping[OrderId, str]


class Imported(Struct, frozen=True):
    """``kept`` are orders of which the store knew as much or more. ``conflicts`` were left as they are too, and why:
    neither history is the beginning of the other, so that one of them would have been lost."""

    added: int = 0
    updated: int = 0
    kept: int = 0
    conflicts: Mapping[OrderId, str] = {}


async def export_orders(
    store: OrderStore, modes: Iterable[Mode], file: BinaryIO, now: datetime, tell: Progress
) -> Exported:
    """Write every order of ``modes`` that can be read.

    Raises:
        StoreError: the file is not whole, and has no last line.
    """
    whole, count, unreadable = sha256(), 0, dict[OrderId, str]()

    def write(line: dict[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        whole.update(text)
        file.write(text)

    write({"format": FORMAT, "version": FORMAT_VERSION, "exported_at": codec.instant(now)})
    for mode in modes:
        async for page in pages(store, mode):
            for order in page:
                if isinstance(order, UnreadableOrder):
                    unreadable[order.id] = order.why
                else:
                    write(_line(order))
                    count += 1
            tell(count)
    file.write(json.dumps({"orders": count, "sha256": whole.hexdigest()}).encode() + b"\n")
    return Exported(count, unreadable)


async def pages(store: OrderStore, mode: Mode) -> AsyncIterator[Sequence[Order | UnreadableOrder]]:
    """Every order of the mode, by id."""
    after = None
    while page := await store.scan(mode, after, PAGE):
        yield page
        after = page[-1].id


def check_export(file: BinaryIO) -> int:
    """Read the whole file, and the checksums with it; returns how many orders there are.

    Raises:
        DamagedExport: it is not an export, or not as it was written.
    """
    file.seek(0)
    return sum(1 for _ in _orders(file))


async def import_orders(store: OrderStore, file: BinaryIO, now: datetime, tell: Progress) -> Imported:
    """Add what the store lacks, and replace an order whose history is a beginning of the file's.

    Doing it again changes nothing more. Versions alone are not compared: they are numbers, which come again, with
    another history, when a backup was put back.

    Every order that has a payment job at the gateway is due at ``now``: much may have happened since the export.

    Raises:
        DamagedExport: nothing was imported.
        StoreError: part was imported; the same import may be made again.
    """
    check_export(file)
    file.seek(0)
    done = Imported()
    for number, order in enumerate(_orders(file), start=1):
        done = await _import(store, _due(order, now), done)
        if number % PAGE == 0:
            tell(number)
    return done


async def _import(store: OrderStore, order: Order, done: Imported) -> Imported:
    if await store.insert(order):
        return replace(done, added=done.added + 1)
    try:
        while (stored := await store.get(order.id)) is not None and _is_news(order, stored):
            newer = replace(order, version=max(order.version, stored.version + 1))
            if await store.replace(newer, stored.version):
                return replace(done, updated=done.updated + 1)
    except DocumentUnusable as exc:
        return _conflict(done, order.id, exc.why)
    if stored is not None and not _begins(order, stored):
        return _conflict(done, order.id, "has another history here than in the file")
    return replace(done, kept=done.kept + 1)


def _is_news(order: Order, stored: Order) -> bool:
    """Whether the order tells all that is stored, and more; of one history, what was sent and seen since."""
    grew = (len(order.history), order.version) > (len(stored.history), stored.version)
    return grew and _begins(stored, order)


def _begins(shorter: Order, longer: Order) -> bool:
    """Whether the history of one is the beginning of the other's, or all of it: each digest is over all before."""
    digests = [[entry.digest for entry in order.history] for order in (shorter, longer)]
    return digests[0] == digests[1][: len(digests[0])]


def _conflict(done: Imported, order_id: OrderId, why: str) -> Imported:
    return replace(done, conflicts={**done.conflicts, order_id: why})


def _due(order: Order, now: datetime) -> Order:
    named = any(job.job_reference is not None for job in order.jobs)
    return replace(order, next_check_at=now) if named else order


def _line(order: Order) -> dict[str, Any]:
    kept = {
        "id": order.id,
        "version": order.version,
        "next_check_at": codec.maybe_instant(order.next_check_at),
        "next_notice_at": codec.maybe_instant(order.next_notice_at),
        "document": codec.order_to_json(order),
    }
    return kept | {"sha256": _digest(kept)}


def _digest(kept: dict[str, Any]) -> str:
    return sha256(json.dumps(kept, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def _orders(file: BinaryIO) -> Iterator[Order]:
    """The orders of a file, checked line by line and, at its end, as a whole."""
    whole, count = sha256(), 0
    first = _read_line(file.readline(LONGEST_LINE), 1)
    if first.get("format") != FORMAT or first.get("version") != FORMAT_VERSION:
        raise DamagedExport(f"line 1: this is no export of orders in format version {FORMAT_VERSION}")
    file.seek(0)
    whole.update(file.readline(LONGEST_LINE))
    number = 1
    while text := file.readline(LONGEST_LINE):
        number += 1
        line = _read_line(text, number)
        if "orders" in line:
            _check_end(line, count, whole.hexdigest(), rest=file.readline(LONGEST_LINE))
            return
        whole.update(text)
        yield _order(line, number)
        count += 1
    raise DamagedExport(f"the file was cut off after line {number}: its last line is missing")


def _check_end(line: dict[str, Any], count: int, digest: str, *, rest: bytes) -> None:
    if line.get("orders") != count or line.get("sha256") != digest or rest:
        raise DamagedExport("the last line does not fit the file: lines were changed, lost or added")


def _read_line(text: bytes, number: int) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        raise DamagedExport(f"line {number} cannot be read") from None
    if not isinstance(line, dict):
        raise DamagedExport(f"line {number} cannot be read")
    return line


def _order(line: dict[str, Any], number: int) -> Order:
    """Raises:
    DamagedExport, DocumentTooNew
    """
    digest = line.pop("sha256", None)
    if digest != _digest(line):
        raise DamagedExport(f"line {number} is not as it was written")
    try:
        return codec.order_from_json(
            line["id"],
            line["document"],
            version=line["version"],
            next_check_at=line["next_check_at"],
            next_notice_at=line["next_notice_at"],
        )
    except (KeyError, DocumentUnreadable) as exc:
        raise DamagedExport(f"line {number} is no order: {exc}") from None
