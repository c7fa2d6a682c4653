"""The programs that play: two web processes, two workers, the gateway, and what keeps the orders.

Each is started again when it ends, as under supervisord. Whatever is signalled is a process that this module started,
by its id.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.mongodb_engine.engine import EngineError, MongoEngine
from tests.program.host import API_KEY, API_SECRET, CONFIGURATION_ID, JWT_SECRET, WEBHOOK_SECRET, Host, credentials
from tests.program.process import Process

from .clocks import SkewedClock
from .disk import Disk
from .evidence import MongoStore, SqliteStore
from .shop import NOTIFICATION_SECRET

WEBS: Final = 2
WORKERS: Final = 2
GATEWAY_SECONDS: Final = 3
STORE_SECONDS: Final = 2
DATABASE: Final = "chaos"
PAUSE_SECONDS: Final = 0.1
SITE: Final = """
from backend.shop import addresses

addresses.is_public = lambda address: address == "127.0.0.1"
"""
"""Of the programs one thing is changed: the shop's server, which must be a public address, may be on this machine."""


class Player:
    """One program under its name, over all its lives."""

    def __init__(self, name: str, command: list[str], settings: Mapping[str, str], host: Host, folder: Path) -> None:
        self.name = name
        self.wanted = True
        self.lives = 0
        self.kills = 0
        self.settings = dict(settings)
        self.clock = SkewedClock(folder / f"{name}.clock")
        self._command = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
        self._host = host
        self._logs = folder
        self._process: Process | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.runs

    @property
    def ended_by_itself(self) -> int:
        return max(self.lives - 1 - self.kills, 0)

    def start(self) -> None:
        self.lives += 1
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._logs), "PYTHONPATH": str(self._host.project)}
        environment |= self.settings | self.clock.environment()
        name = f"{self.name}-{self.lives}"
        self._process = Process(name, self._command, environment, self._host.project, self._logs)

    def kill(self) -> None:
        if self._process is not None and self._process.runs:
            self.kills += 1
            self._process.kill()

    def signal(self, sign: signal.Signals) -> None:
        if self._process is not None and self._process.runs:
            self._process.signal(sign)

    def end(self) -> None:
        self.wanted = False
        if self._process is not None:
            self.signal(signal.SIGCONT)
            self._process.end(5)

    @property
    def errors(self) -> Iterator[str]:
        """What each life wrote to its log."""
        for file in sorted(self._logs.glob(f"{self.name}-*.err.log")):
            yield file.read_text(errors="replace")


class Stage:
    def __init__(self, host: Host, folder: Path, disk: Disk, engine: MongoEngine | None, shop_port: int) -> None:
        self.disk = disk
        self.engine = engine
        self.engine_kills = self.engine_ends = 0
        self.ledger = folder / "gateway" / "simulator.sqlite3"
        self.data = disk.folder / "data"
        self.gateway_port = host.reserve_port()
        self.web_ports = [host.reserve_port() for _ in range(WEBS)]
        self.gateway = Player("gateway", ["python", "-m", "backend.simulator"], self._of_gateway(), host, folder)
        told = self._of_program(shop_port)
        self.webs = [
            Player(f"web{number}", ["backend", "run"], told | {"PORT": str(port)}, host, folder)
            for number, port in enumerate(self.web_ports)
        ]
        self.workers = [
            Player(f"worker{number}", ["backend", "worker"], told, host, folder) for number in range(WORKERS)
        ]
        self._keeping_engine = asyncio.Lock()
        (host.project / "sitecustomize.py").write_text(SITE)

    @property
    def ours(self) -> list[Player]:
        return [*self.webs, *self.workers]

    @property
    def players(self) -> list[Player]:
        return [self.gateway, *self.ours]

    @property
    def store(self) -> SqliteStore | MongoStore:
        if self.engine is not None:
            return MongoStore(self.engine.url, DATABASE)
        return SqliteStore(self.data / "orders.sqlite3")

    async def keep(self) -> None:
        """Start whatever ended, as a supervisor does, until cancelled."""
        while True:
            for player in self.players:
                if player.wanted and not player.runs:
                    player.start()
            if self.engine is not None:
                await self._keep_engine(self.engine)
            await asyncio.sleep(PAUSE_SECONDS)

    async def kill_engine(self, down_seconds: float) -> None:
        assert self.engine is not None, "asked for only where there is one"
        async with self._keeping_engine:
            self.engine_kills += 1
            await asyncio.to_thread(self.engine.kill)
            await asyncio.sleep(down_seconds)

    async def pause_engine(self, seconds: float) -> None:
        """SIGSTOP: a server that takes connections and answers nothing."""
        assert self.engine is not None, "asked for only where there is one"
        async with self._keeping_engine:
            if not _is_running(self.engine):
                return
            pid = self.engine.pid
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                os.kill(pid, signal.SIGCONT)

    def set_clocks(self, seconds: float) -> None:
        for player in self.players:
            player.clock.set(seconds)

    async def _keep_engine(self, engine: MongoEngine) -> None:
        if self._keeping_engine.locked():
            return
        async with self._keeping_engine:
            if _is_running(engine):
                return
            self.engine_ends += 1
            try:
                await asyncio.to_thread(engine.restart)
            except EngineError as exc:
                sys.stderr.write(f"chaos: the engine did not start: {exc}\n")

    def _of_gateway(self) -> dict[str, str]:
        return {
            "SIMULATOR_PORT": str(self.gateway_port),
            "SIMULATOR_CONFIGURATION_ID": CONFIGURATION_ID,
            "SIMULATOR_API_KEY": API_KEY,
            "SIMULATOR_API_SECRET": API_SECRET,
            "SIMULATOR_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "SIMULATOR_DATA_DIR": str(self.ledger.parent),
            "SIMULATOR_AUTO_CAPTURE": "false",
        }

    def _of_program(self, shop_port: int) -> dict[str, str]:
        store = {} if self.engine is None else {"MONGO_URL": self.engine.url, "DB_NAME": DATABASE}
        limits = {f"RATE_LIMIT_{name}": "0" for name in ("USER", "ADDRESS", "WEBHOOKS")}
        return credentials(
            self.gateway_port,
            JWT_SECRET_KEY=JWT_SECRET,
            DATA_DIR=str(self.data),
            WORKER="off",
            WORKER_POLL_SECONDS="0.2",
            GATEWAY_TIMEOUT_SECONDS=str(GATEWAY_SECONDS),
            STORE_TIMEOUT_SECONDS=str(STORE_SECONDS),
            NOTIFICATION_URL=f"http://127.0.0.1:{shop_port}/notifications",
            NOTIFICATION_SECRET=NOTIFICATION_SECRET,
            NOTIFICATION_TIMEOUT_SECONDS="3",
            LOG_LEVEL="WARNING",
            **store,
            **limits,
        )


@contextmanager
def stage(kind: str, project: Path, folder: Path, disk: Disk, shop_port: int) -> Iterator[Stage]:
    """Set, with nothing running but MongoDB's engine; on leaving, everything that was started has ended."""
    with ExitStack() as resources:
        host = resources.enter_context(Host(project, folder))
        engine = None
        if kind == "mongo":
            engine = resources.enter_context(MongoEngine(disk.folder / "mongo"))
        made = Stage(host, folder, disk, engine, shop_port)
        for player in made.players:
            resources.callback(player.end)
        yield made


def _is_running(engine: MongoEngine) -> bool:
    try:
        pid = engine.pid
    except EngineError:
        return False
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
