"""Export and import: what comes out of one store goes into another, whole or not at all."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from backend.cli import app
from backend.domain.history import broken_at
from backend.domain.model import Order
from backend.domain.terms import Mode
from backend.ports import OrderStore
from backend.stores import MemoryStore, SqliteStore
from backend.stores.transfer import DamagedExport, Exported, Imported, check_export, export_orders, import_orders
from tests.contracts.bench import Bench
from tests.contracts.examples import MINUTE, NOON, ODD_TEXTS, an_order, noted, with_every_event, with_job
from tests.contracts.test_stores import bench, memory_bench, mongo_bench, old_mongo_bench, sqlite_bench

__all__ = ["bench", "memory_bench", "mongo_bench", "old_mongo_bench", "sqlite_bench"]

LATER = NOON + 60 * MINUTE


def quietly(_: int) -> None: ...


async def exported(store: OrderStore) -> io.BytesIO:
    file = io.BytesIO()
    await export_orders(store, Mode, file, NOON, quietly)
    return file


def some_orders() -> list[Order]:
    odd = [an_order(f"U{n}", name=text, mode=mode) for n, text in enumerate(ODD_TEXTS) for mode in Mode]
    return [*odd, with_job(an_order("JOB", due=NOON), "J1"), with_every_event(an_order("ALL"))]


async def test_every_order_of_one_store_is_in_another_after_export_and_import(bench: Bench) -> None:
    store, other = await bench.store(), MemoryStore()
    told: list[int] = []
    for order in some_orders():
        await store.insert(order)
    file = io.BytesIO()
    assert await export_orders(store, Mode, file, NOON, told.append) == Exported(len(some_orders()), {})
    assert told[-1] == len(some_orders())
    assert await import_orders(other, file, LATER, quietly) == Imported(added=len(some_orders()))
    for order in some_orders():
        looked_after = replace(order, next_check_at=LATER) if order.reference == "JOB" else order
        assert await other.get(order.id) == looked_after


async def test_what_a_store_is_given_back_can_be_found_and_is_due(bench: Bench) -> None:
    source, store = MemoryStore(), await bench.store()
    await source.insert(with_job(an_order("JOB"), "J1"))
    await import_orders(store, await exported(source), LATER, quietly)
    reader = await bench.store()
    order = await reader.get(with_job(an_order("JOB"), "J1").id)
    assert order is not None
    assert broken_at(order.history) is None
    assert order.next_check_at == LATER


async def test_importing_again_changes_nothing_and_never_overwrites_what_is_newer(bench: Bench) -> None:
    source, store = MemoryStore(), await bench.store()
    old, known, newer = an_order("OLD"), an_order("KNOWN"), an_order("NEWER")
    for order in (noted(old, "exported"), known, newer):
        await source.insert(order)
    for order in (old, known, noted(newer, "since then")):
        await store.insert(order)
    file = await exported(source)
    assert await import_orders(store, file, LATER, quietly) == Imported(updated=1, kept=2)
    assert await import_orders(store, file, LATER, quietly) == Imported(kept=3)
    assert await store.get(old.id) == noted(old, "exported")
    assert await store.get(newer.id) == noted(newer, "since then")


async def test_an_order_that_went_another_way_since_is_kept_and_named(bench: Bench) -> None:
    """As after a backup was put back: the same versions come again, with another history."""
    source, store = MemoryStore(), await bench.store()
    first = an_order("A")
    theirs = noted(noted(first, "there"), "and there again")
    for here in (noted(first, "here"), noted(noted(noted(first, "here"), "so"), "and so")):
        await source.insert(theirs)
        if not await store.insert(here):
            await store.replace(here, 2)
        done = await import_orders(store, await exported(source), LATER, quietly)
        assert done == Imported(conflicts={first.id: "has another history here than in the file"})
        assert await store.get(first.id) == here


async def test_a_longer_history_is_taken_over_whatever_version_the_shorter_one_has(bench: Bench) -> None:
    source, store = MemoryStore(), await bench.store()
    first = an_order("A")
    longer = noted(first, "more")
    await source.insert(longer)
    await store.insert(replace(first, version=7))
    assert await import_orders(store, await exported(source), LATER, quietly) == Imported(updated=1)
    assert await store.get(first.id) == replace(longer, version=8)


async def test_a_stored_order_that_cannot_be_read_is_not_overwritten(bench: Bench) -> None:
    source, store = MemoryStore(), await bench.store()
    for name in "AB":
        await source.insert(an_order(name))
    await store.insert(an_order("A"))
    await bench.spoil(an_order("A").id)
    done = await import_orders(store, await exported(source), LATER, quietly)
    assert done.added == 1
    assert done.conflicts[an_order("A").id].startswith("cannot be read: ")


async def test_an_order_that_cannot_be_read_is_named_and_every_other_one_is_exported(bench: Bench) -> None:
    store, other = await bench.store(), MemoryStore()
    for name in "ABC":
        await store.insert(an_order(name))
    await bench.spoil(an_order("B").id)
    file = io.BytesIO()
    done = await export_orders(store, Mode, file, NOON, quietly)
    assert done.orders == 2
    assert list(done.unreadable) == [an_order("B").id]
    assert await import_orders(other, file, LATER, quietly) == Imported(added=2)


def changed_amount(whole: bytes) -> bytes:
    return whole.replace(b'\\"minor\\":1000', b'\\"minor\\":1', 1)


def line_lost(whole: bytes) -> bytes:
    lines = whole.splitlines(keepends=True)
    return b"".join(lines[:2] + lines[3:])


def line_doubled(whole: bytes) -> bytes:
    lines = whole.splitlines(keepends=True)
    return b"".join([*lines[:2], lines[1], *lines[2:]])


@pytest.mark.parametrize(
    "damage",
    [
        changed_amount,
        line_lost,
        line_doubled,
        lambda whole: b"".join(whole.splitlines(keepends=True)[:-1]),
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole + b"{}\n",
        lambda _: b"",
        lambda whole: b"\xff" + whole,
        lambda _: b"[]\n",
        lambda whole: whole.replace(b'"version":1', b'"version":9', 1),
    ],
)
async def test_a_damaged_file_is_refused_and_nothing_of_it_is_imported(damage: Callable[[bytes], bytes]) -> None:
    source, store = MemoryStore(), MemoryStore()
    for n in range(5):
        await source.insert(an_order(f"N{n}"))
    whole = (await exported(source)).getvalue()
    assert damage(whole) != whole
    with pytest.raises(DamagedExport):
        await import_orders(store, io.BytesIO(damage(whole)), LATER, quietly)
    assert await store.scan(Mode.MOCK, None, 10) == []


async def test_an_export_can_be_read_with_any_json_tool() -> None:
    source = MemoryStore()
    await source.insert(an_order("A"))
    first, order, last = (json.loads(line) for line in (await exported(source)).getvalue().splitlines())
    assert first["format"] == "rafflestack-orders"
    assert json.loads(order["document"])["terms"]["reference"] == "A"
    assert last["orders"] == 1


def test_the_commands_move_orders_while_the_service_has_the_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    async def with_open_store() -> None:
        store = SqliteStore(tmp_path / "one" / "orders.sqlite3")
        (tmp_path / "one").mkdir()
        await store.open()
        await store.insert(with_job(an_order("A"), "J1"))
        for name, arguments, code in (
            ("one", ["export", "orders.jsonl"], 0),
            ("one", ["export", "orders.jsonl"], 1),
            ("two", ["import", "orders.jsonl"], 0),
            ("two", ["import", "missing.jsonl"], 2),
        ):
            monkeypatch.setenv("DATA_DIR", str(tmp_path / name))
            monkeypatch.chdir(tmp_path)
            result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
            assert result.exit_code == code, result.output
        (tmp_path / "orders.jsonl").write_bytes((tmp_path / "orders.jsonl").read_bytes()[:-20])
        result = await asyncio.to_thread(CliRunner().invoke, app, ["import", "orders.jsonl"])
        assert result.exit_code == 1
        assert "nothing was imported" in result.output
        await store.close()
        copy = SqliteStore(tmp_path / "two" / "orders.sqlite3")
        await copy.open()
        assert [order.id for order in await copy.scan(Mode.MOCK, None, 10)] == ["mock/A"]
        await copy.close()

    asyncio.run(with_open_store())


async def test_an_empty_store_exports_to_a_whole_file() -> None:
    file = await exported(MemoryStore())
    assert check_export(file) == 0
