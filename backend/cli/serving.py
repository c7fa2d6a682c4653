"""Run the program, or the simulated gateway alone."""

import asyncio
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from ..domain.terms import Mode
from .access import mint
from .exits import Exit, fail
from .session import load, with_services

if TYPE_CHECKING:
    from ..assemble import Services
    from ..config import Settings
    from ..following import Tracer


def run(
    fd: Annotated[
        int | None, typer.Option(help="Serve on this listening socket, which a supervisor holds, not on HOST and PORT.")
    ] = None,
    processor: Annotated[
        int | None,
        typer.Option(min=0, help="Keep to one processor: 0 is the first; counted around where there are fewer."),
    ] = None,
) -> None:
    """Serve the API, the webhooks and the background work on HOST and PORT until SIGTERM."""
    if processor is not None:
        _keep_to(processor)
    gc.disable()  # until the application is made (server.py): importing leaves little garbage, and much to look through
    import uvicorn

    from ..observability.logs import configure_logging
    from .http.draining import ALONE_SECONDS, KEEP_ALIVE_SECONDS, TOGETHER_SECONDS, DrainingServer, inherited
    from .http.protocol import HttpProtocol

    settings = load()
    configure_logging(settings)
    # uvicorn ends by raising the signal that stopped it once more; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        "backend.server:app",
        host=settings.host,
        port=settings.port,
        http=HttpProtocol,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
        server_header=False,
        access_log=False,  # the application's own lines leave out what an address may hold: tokens and references
        log_config=None,
        proxy_headers=False,  # TRUSTED_PROXIES decides, within the application
    )
    config.load()  # the application, which is refused before anything is said of it
    _try_store(settings)
    typer.echo(_welcome(settings))
    usual = ALONE_SECONDS if fd is None else TOGETHER_SECONDS
    server = DrainingServer(config, drain_seconds=usual if settings.drain_seconds is None else settings.drain_seconds)
    with suppress(KeyboardInterrupt):  # raised once more after a stop by Ctrl-C, which is no failure either
        server.run(sockets=None if fd is None else [inherited(fd)])
    if not server.started:
        raise typer.Exit(Exit.AWAY)


def _try_store(settings: "Settings") -> None:
    """Open the store once: uvicorn tells of an application that cannot start by a traceback."""
    from ..open_store import make_store
    from ..ports import StoreError

    async def work() -> None:
        store = make_store(settings)
        await store.open()
        await store.close()

    try:
        asyncio.run(work())
    except StoreError as exc:
        fail(f"cannot start: {exc}", Exit.AWAY)


def worker() -> None:
    """Do the background work in a process of its own until SIGTERM; for WORKER=off, and in any number."""
    from ..assemble import background_work
    from ..following import recording
    from ..observability.logs import configure_logging
    from ..worker import Worker

    settings = load()
    configure_logging(settings)
    tracer = _exporting(settings)

    async def work(made: "Services") -> None:
        stopped = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, stopped.set)
        working = Worker(poll_seconds=settings.worker_poll_seconds)
        with recording(tracer):
            async with working.working([*background_work(settings, made), made.guard.refresh]):
                typer.echo(f"RaffleStack payments, {settings.mode} mode: working in the background")
                await stopped.wait()

    try:
        with_services(work, may_make_store=True)
    finally:
        if tracer is not None:
            tracer.close()


def _exporting(settings: "Settings") -> "Tracer | None":
    from ..config import SettingsError
    from ..observability.exporting import start_exporting

    try:
        return start_exporting(settings)
    except SettingsError as exc:
        fail(f"cannot start: {exc}", Exit.USAGE)


def simulate() -> None:
    """Serve the Cashflows simulator alone, on SIMULATOR_PORT (8002); see docs/simulator.md."""
    from ..simulator.program import main

    main()


def _keep_to(processor: int) -> None:
    """Before there are threads, which inherit it; does nothing where the system has no such thing.

    An instance has one interpreter, so it cannot use much more than one processor. Linux leaves a thread that was woken
    on a busy processor there for milliseconds while another one idles.
    """
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[processor % len(allowed)]})


def _welcome(settings: "Settings") -> str:
    store = "MongoDB" if settings.mongo_url else f"SQLite in {settings.data_dir}/"
    lines = [f"RaffleStack payments, {settings.mode} mode, orders in {store}"]
    if settings.mode is Mode.MOCK:
        lines += [
            f"  try a checkout   {settings.base_url}/try-out",
            f"  the gateway      {settings.base_url}/sandbox/  (simulated: no real money moves)",
        ]
    lines.append(f"  console          {settings.base_url}/console")
    lines.append(f"  API              {settings.base_url}/docs")
    if settings.mode is Mode.MOCK:
        lines.append(f"  customer token   {mint(settings, user='demo-customer', email='demo@example.com')}")
    return "\n".join(lines)
