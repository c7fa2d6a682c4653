"""The simulator as a program of its own: ``python -m backend.simulator``.

Settings come from the environment (``SIMULATOR_*``); what it runs with is printed at the start.
"""

import asyncio
import os
import socket
import sqlite3
import sys

import uvicorn

from .connection import HangUpProtocol
from .settings import SimulatorSettings, port_from_environment, settings_from_environment
from .simulator import Simulator


def main() -> None:
    host = os.environ.get("SIMULATOR_HOST") or "127.0.0.1"
    try:
        listener = listening_socket(host, port_from_environment(os.environ))
        port = listener.getsockname()[1]
        settings = settings_from_environment(os.environ, port)
        simulator = opened(settings)
    except ValueError as exc:
        sys.exit(f"simulator: {exc}")
    except OSError as exc:
        sys.exit(f"simulator: cannot listen on {host}, SIMULATOR_PORT: {exc.strerror}")
    say(f"{banner(settings)}Listening on http://{host}:{port}\n")
    asyncio.run(serve(simulator, listener))


def opened(settings: SimulatorSettings) -> Simulator:
    """Raises:
    ValueError: its ledger cannot be opened.
    """
    try:
        return Simulator(settings)
    except (OSError, sqlite3.Error) as exc:
        raise ValueError(f"cannot open the ledger {settings.ledger_path}, in SIMULATOR_DATA_DIR: {exc}") from exc


def listening_socket(host: str, port: int) -> socket.socket:
    """Bound and listening before anything is said, so that whoever reads the port can connect at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


async def serve(simulator: Simulator, listener: socket.socket) -> None:
    """Serve until the process is asked to stop."""
    config = uvicorn.Config(
        simulator.app,
        http=HangUpProtocol,
        lifespan="off",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    async with simulator.running():
        await uvicorn.Server(config).serve(sockets=[listener])
    simulator.close()


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def banner(settings: SimulatorSettings) -> str:
    base = settings.public_base_url
    keys = " or ".join(filter(None, (settings.api_key, settings.api_key_2)))
    return f"""\
Payment gateway simulator (test mode: no real card is charged)
  gateway API        {base}/api/gateway
  operator page      {base}/
  faults             {base}/faults
  ConfigurationId    {settings.configuration_id}
  API key            {keys}
  API secret         {settings.api_secret}
  webhook secret     {settings.webhook_secret}
  ledger             {settings.ledger_path or "in memory (SIMULATOR_DATA_DIR keeps it)"}
  auto capture       {"on" if settings.auto_capture else "off"}
  partial captures   {"on" if settings.partial_capture else "off"}
"""
