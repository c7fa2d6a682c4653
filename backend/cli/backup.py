"""Export and import orders, and hold every order's state against its history."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..domain.terms import Mode
from .exits import Exit, fail
from .output import AsJson, Progress, print_json, progress
from .session import with_store

if TYPE_CHECKING:
    from ..ports import OrderStore


def export_all(
    file: Annotated[Path, typer.Argument(help="Where to write; must not exist yet.")], as_json: AsJson = False
) -> None:
    """Write every order to FILE as JSON lines with checksums, while the service runs or not."""
    from ..stores.transfer import export_orders

    async def export(store: "OrderStore", partial: Path, tell: Progress) -> int:
        with partial.open("xb") as out:
            count = await export_orders(store, Mode, out, datetime.now(UTC), tell)
            out.flush()
            os.fsync(out.fileno())
        return count

    if file.exists():
        fail(f"{file} exists already; nothing was exported")
    partial = file.with_name(file.name + ".partial")
    partial.unlink(missing_ok=True)
    with progress("exported") as tell:
        count = with_store(lambda store: export(store, partial, tell))
    partial.replace(file)
    if as_json:
        print_json({"file": str(file), "orders": count})
    else:
        typer.echo(f"exported {count} orders to {file}")


def import_all(
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="An export that is whole.")], as_json: AsJson = False
) -> None:
    """Add the orders of FILE that the store lacks, and update those it has older. A damaged file changes nothing."""
    from ..stores.transfer import DamagedExport, import_orders

    now = datetime.now(UTC)
    with progress("imported") as tell:
        try:
            done = with_store(lambda store: import_orders(store, file, now, tell))
        except DamagedExport as exc:
            fail(f"nothing was imported: {exc}")
    if as_json:
        print_json(done)
    else:
        typer.echo(f"imported: {done.added} added, {done.updated} updated, {done.kept} kept as they were")


def verify(as_json: AsJson = False) -> None:
    """Recompute every order from its history: finds a changed byte, and a state that the history does not bear out.

    Ends with 4 if any order is not as its history tells.
    """
    with progress("verified") as tell:
        count, wrong = with_store(lambda store: _verify(store, tell))
    if as_json:
        print_json({"orders": count, "wrong": wrong})
    else:
        for order, sentences in wrong.items():
            typer.echo(f"{order}: {'; '.join(sentences)}")
        typer.echo(f"{count} orders verified, {len(wrong)} wrong")
    if wrong:
        raise typer.Exit(Exit.FOUND)


async def _verify(store: "OrderStore", tell: Progress) -> tuple[int, dict[str, list[str]]]:
    from ..domain.ledger import defects

    count, wrong = 0, {}
    for mode in Mode:
        after = None
        while page := await store.scan(mode, after, 200):
            for order in page:
                if found := defects(order):
                    wrong[str(order.id)] = found
            after = page[-1].id
            count += len(page)
            tell(count)
    return count, wrong
