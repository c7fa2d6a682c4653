"""The operator's command line: run it, make tokens and keys, export and import; exit code 1: it was not done."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from .api.tokens import TokenVerifier
from .config import Settings, SettingsError, load_settings
from .domain.roles import ENTRY, Role, new_operator_key
from .domain.terms import Mode
from .ports import OrderStore, StoreError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="RaffleStack payments: run it, and try it out.")

T = TypeVar("T")

TOKEN_HOURS = 8


@app.command()
def run() -> None:
    """Serve the API, the webhooks and the background work on HOST and PORT until SIGTERM."""
    import uvicorn

    settings = _settings()
    typer.echo(_welcome(settings))
    # uvicorn ends by raising the signal that stopped it once more; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "backend.server:app",
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
        server_header=False,
    )


@app.command()
def token(
    user: Annotated[str, typer.Option(help="The customer's or operator's id (claim sub).")] = "demo-customer",
    email: Annotated[str, typer.Option(help="Claim email.")] = "demo@example.com",
    admin: Annotated[bool, typer.Option("--admin", help="An operator's token (claim is_admin).")] = False,
    hours: Annotated[int, typer.Option(min=1, max=24 * 7, help="How long it is valid.")] = TOKEN_HOURS,
) -> None:
    """Print a token to call the API with, signed with JWT_SECRET_KEY."""
    typer.echo(_mint(_settings(), user=user, email=email, admin=admin, hours=hours))


@app.command("operator-key")
def operator_key(
    name: Annotated[str, typer.Argument(help="Whose key it is; stands in the history of what they do.")],
    role: Annotated[Role, typer.Option(help="What they may do; service is the shop's server.")],
) -> None:
    """Make an operator key: the key for its holder, and the entry for OPERATOR_KEYS, which holds its digest only."""
    key, entry = new_operator_key(name, role)
    if ENTRY.fullmatch(entry) is None:
        _fail("the name must be 1 to 64 letters, digits and . _ @ -")
    typer.echo(f"key for {name}, shown this once: {key}\nadd to OPERATOR_KEYS: {entry}")


@app.command("export")
def export_all(file: Annotated[Path, typer.Argument(help="Where to write; must not exist yet.")]) -> None:
    """Write every order to FILE as JSON lines with checksums, while the service runs or not."""
    from .stores.transfer import export_orders

    async def export(store: OrderStore, partial: Path) -> int:
        with partial.open("xb") as out:
            count = await export_orders(store, Mode, out, datetime.now(UTC), _progress("exported"))
            out.flush()
            os.fsync(out.fileno())
        return count

    if file.exists():
        _fail(f"{file} exists already; nothing was exported")
    partial = file.with_name(file.name + ".partial")
    partial.unlink(missing_ok=True)
    count = asyncio.run(_with_store(lambda store: export(store, partial)))
    partial.replace(file)
    typer.echo(f"exported {count} orders to {file}")


@app.command("import")
def import_all(file: Annotated[typer.FileBinaryRead, typer.Argument(help="An export that is whole.")]) -> None:
    """Add the orders of FILE that the store lacks, and update those it has older. A damaged file changes nothing."""
    from .stores.transfer import DamagedExport, import_orders

    now, tell = datetime.now(UTC), _progress("imported")
    try:
        done = asyncio.run(_with_store(lambda store: import_orders(store, file, now, tell)))
    except DamagedExport as exc:
        _fail(f"nothing was imported: {exc}")
    typer.echo(f"imported: {done.added} added, {done.updated} updated, {done.kept} kept as they were")


async def _with_store(work: Callable[[OrderStore], Awaitable[T]]) -> T:
    from .assemble import make_store

    store = make_store(_settings())
    try:
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()
    except StoreError as exc:
        _fail(f"the store did not do it; the same command may be given again: {exc}")


def _progress(done: str) -> Callable[[int], None]:
    """A line that counts up, for whoever watches; nothing where the output goes to a file."""
    return lambda count: typer.echo(f"\r{done} {count} orders", nl=False, err=True) if sys.stderr.isatty() else None


def _fail(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(1)


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as exc:
        typer.echo(f"cannot start: {exc}", err=True)
        raise typer.Exit(2) from None


def _mint(settings: Settings, *, user: str, email: str, admin: bool, hours: int) -> str:
    tokens = TokenVerifier(settings.jwt_secret_key.get_secret_value())
    return tokens.mint(user=user, email=email, is_admin=admin, now=datetime.now(UTC), lifetime=timedelta(hours=hours))


def _welcome(settings: Settings) -> str:
    store = "MongoDB" if settings.mongo_url else f"SQLite in {settings.data_dir}/"
    lines = [f"RaffleStack payments, {settings.mode} mode, orders in {store}"]
    if settings.mode is Mode.MOCK:
        lines += [
            f"  try a checkout   {settings.base_url}/try-out",
            f"  the gateway      {settings.base_url}/sandbox/  (simulated: no real money moves)",
        ]
    lines.append(f"  API              {settings.base_url}/docs")
    if settings.mode is Mode.MOCK:
        customer = _mint(settings, user="demo-customer", email="demo@example.com", admin=False, hours=TOKEN_HOURS)
        lines.append(f"  customer token   {customer}")
    return "\n".join(lines)
