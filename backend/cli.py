"""The operator's command line: ``backend run``, ``backend token``."""

import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from .api.auth import TokenVerifier
from .config import Settings, SettingsError, load_settings
from .domain.terms import Mode

app = typer.Typer(no_args_is_help=True, add_completion=False, help="RaffleStack payments: run it, and try it out.")

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
