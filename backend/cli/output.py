"""Words and tables for people, JSON for programs. Text from outside is made harmless to a terminal first."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol, TypeAlias

import typer
from msgspec import Struct, to_builtins

from .exits import fail

if TYPE_CHECKING:
    from rich.console import Console

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of words.")]

PIPED_WIDTH: Final = 200
"""Columns of a table that no terminal shows."""


class Progress(Protocol):
    def __call__(self, count: int, /) -> None: ...


def print_json(value: object) -> None:
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(harmless(line))


def print_table(rows: Sequence[Mapping[str, object]], *, empty: str) -> None:
    """A column for each key of the first row."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        typer.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(words(value))) for value in row.values()))
    _console().print(table)


@contextmanager
def progress(doing: str) -> Iterator[Progress]:
    """A count for whoever watches; nothing where the output goes to a file."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed} orders"), TimeElapsedColumn())
    with Bars(*columns, console=_console(stderr=True), transient=True) as bars:
        task = bars.add_task(doing, total=None)
        yield lambda count: bars.update(task, completed=count)


@contextmanager
def writing(file: Path, *, instead_of: Path | None = None) -> Iterator[None]:
    """End the command in one line when ``file`` cannot be written, and leave no part of it behind."""
    try:
        yield
    except FileExistsError:
        fail(f"{file} exists already; nothing was written")
    except OSError as exc:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        fail(f"{instead_of or file} cannot be written: {exc.strerror}")


def words(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(words(item) for item in value)
    return str(value)


def harmless(text: str) -> str:
    """Without anything that a terminal would take for a command."""
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)


def _console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    width = None if sys.stdout.isatty() or stderr else PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def plain(value: object) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case bytes():
            return value.decode("utf-8", "replace")
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Struct):
        return plain(to_builtins(value, builtin_types=(bytes, datetime)))
    return value
