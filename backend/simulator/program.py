"""The simulator as a program of its own: ``python -m backend.simulator``.

Settings come from the environment (``SIMULATOR_*``); what it runs with is printed at the start.
"""

import asyncio
import os
import sys

import uvicorn

from .connection import HangUpProtocol
from .settings import SimulatorSettings, port_from_environment, settings_from_environment
from .simulator import Simulator


def main() -> None:
    try:
        settings, port = settings_from_environment(os.environ), port_from_environment(os.environ)
    except ValueError as exc:
        sys.exit(f"simulator: {exc}")
    sys.stdout.write(banner(settings))
    sys.stdout.flush()
    host = os.environ.get("SIMULATOR_HOST") or "127.0.0.1"
    asyncio.run(serve(Simulator(settings), host, port))


async def serve(simulator: Simulator, host: str, port: int) -> None:
    """Serve until the process is asked to stop."""
    config = uvicorn.Config(
        simulator.app, host=host, port=port, http=HangUpProtocol, lifespan="off", log_level="warning",
        server_header=False, timeout_graceful_shutdown=3,
    )  # fmt: skip
    async with simulator.running():
        await uvicorn.Server(config).serve()


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
