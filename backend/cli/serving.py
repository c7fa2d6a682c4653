"""Run the program, or the simulated gateway alone."""

import signal
import sys
from typing import TYPE_CHECKING

import typer

from ..domain.terms import Mode
from .access import mint
from .session import load

if TYPE_CHECKING:
    from ..config import Settings


def run() -> None:
    """Serve the API, the webhooks and the background work on HOST and PORT until SIGTERM."""
    import uvicorn

    from ..observability.logs import configure_logging

    settings = load()
    configure_logging(settings)
    typer.echo(_welcome(settings))
    # uvicorn ends by raising the signal that stopped it once more; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "backend.server:app",
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
        server_header=False,
        access_log=False,  # the application's own lines leave out what an address may hold: tokens and references
        log_config=None,
        proxy_headers=False,  # TRUSTED_PROXIES decides, within the application
    )


def simulate() -> None:
    """Serve the Cashflows simulator alone, on SIMULATOR_PORT (8002); see docs/simulator.md."""
    from ..simulator.program import main

    main()


def _welcome(settings: "Settings") -> str:
    store = "MongoDB" if settings.mongo_url else f"SQLite in {settings.data_dir}/"
    lines = [f"RaffleStack payments, {settings.mode} mode, orders in {store}"]
    if settings.mode is Mode.MOCK:
        lines += [
            f"  try a checkout   {settings.base_url}/try-out",
            f"  the gateway      {settings.base_url}/sandbox/  (simulated: no real money moves)",
        ]
    lines.append(f"  API              {settings.base_url}/docs")
    if settings.mode is Mode.MOCK:
        lines.append(f"  customer token   {mint(settings, user='demo-customer', email='demo@example.com')}")
    return "\n".join(lines)
