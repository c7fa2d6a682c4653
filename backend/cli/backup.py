"""Export and import orders, and hold every order's state against its history."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..domain.terms import Mode
from .exits import Exit, fail
from .output import AsJson, Progress, harmless, print_json, progress, writing
from .session import RESTORING, load, with_store

if TYPE_CHECKING:
    from ..ports import OrderStore
    from ..stores.transfer import Exported


def export_all(
    file: Annotated[Path, typer.Argument(help="Where to write; must not exist yet.")], as_json: AsJson = False
) -> None:
    """Write every order to FILE as JSON lines with checksums, while the service runs or not.

    Ends with 4 if an order cannot be read: it is named, and FILE has all the others.
    """
    from ..stores.transfer import export_orders

    async def export(store: "OrderStore", partial: Path, tell: Progress) -> "Exported":
        with writing(partial, instead_of=file), partial.open("xb") as out:
            done = await export_orders(store, Mode, out, datetime.now(UTC), tell)
            out.flush()
            os.fsync(out.fileno())
        return done

    if file.exists():
        fail(f"{file} exists already; nothing was exported")
    partial = file.with_name(file.name + ".partial")
    with writing(partial, instead_of=file):
        partial.unlink(missing_ok=True)
    with progress("exported") as tell:
        done = with_store(lambda store: export(store, partial, tell))
    try:
        partial.replace(file)
    except OSError as exc:
        fail(f"{file} cannot be written: {exc.strerror}; the export is in {partial}")
    if as_json:
        print_json({"file": str(file), "orders": done.orders, "unreadable": done.unreadable})
    else:
        typer.echo(f"exported {done.orders} orders to {file}")
    for order, why in done.unreadable.items():
        typer.echo(harmless(f"{order} {why}"), err=True)
    if done.unreadable:
        fail(f"{file} is not whole: it lacks {len(done.unreadable)} orders; {RESTORING}", Exit.FOUND)


def import_all(
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="An export that is whole.")], as_json: AsJson = False
) -> None:
    """Add the orders of FILE that the store lacks, and update those it has older. A damaged file changes nothing.

    Ends with 4 if an order is in the store with another history: it is named, and left as it is.
    """
    from ..stores.transfer import DamagedExport, import_orders

    now = datetime.now(UTC)
    with progress("imported") as tell:
        try:
            done = with_store(lambda store: import_orders(store, file, now, tell), may_make_it=True)
        except DamagedExport as exc:
            fail(f"nothing was imported: {exc}")
    if as_json:
        print_json(done)
    else:
        typer.echo(f"imported: {done.added} added, {done.updated} updated, {done.kept} kept as they were")
    for order, why in done.conflicts.items():
        typer.echo(harmless(f"{order} {why}"), err=True)
    if done.conflicts:
        fail(f"{len(done.conflicts)} orders of the file were left as they are in the store", Exit.FOUND)


def verify(as_json: AsJson = False) -> None:
    """Recompute every order from its history: finds a changed byte, and a state that the history does not bear out.

    An order that cannot be read is wrong too, and keeps nobody from the others.

    Ends with 4 if any order is not as its history tells.
    """
    from ..open_store import store_name

    name = store_name(load())
    with progress("verified") as tell:
        count, wrong = with_store(lambda store: _verify(store, tell))
    if as_json:
        print_json({"store": name, "orders": count, "wrong": wrong})
    else:
        for order, sentences in wrong.items():
            typer.echo(harmless(f"{order}: {'; '.join(sentences)}"))
        typer.echo(f"{count} orders verified, {len(wrong)} wrong, in {name}")
    if wrong:
        raise typer.Exit(Exit.FOUND)


async def _verify(store: "OrderStore", tell: Progress) -> tuple[int, dict[str, list[str]]]:
    from ..domain.ledger import defects
    from ..ports import UnreadableOrder
    from ..stores.transfer import pages

    count, wrong = 0, {}
    for mode in Mode:
        async for page in pages(store, mode):
            for order in page:
                if found := [order.why] if isinstance(order, UnreadableOrder) else defects(order):
                    wrong[str(order.id)] = found
            count += len(page)
            tell(count)
    return count, wrong
