"""The processes that a benchmark needs, on free loopback ports, and what they cost: processor time and memory."""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from compileall import compile_dir
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.mongodb_engine.engine import MongoEngine
from tests.program.host import JWT_SECRET, WEBHOOK_SECRET, copy_project, credentials
from tests.program.process import Process, until

TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
STORES: Final = ("sqlite", "mongo")
ENGINE_CACHE_MB: Final = 512


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens, and where its orders are."""

    process: Process
    port: int
    store: "StoreAt"
    seconds_to_answer: float

    def cpu_seconds(self) -> float:
        """User and system time of the process, its threads and its children."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def memory_mib(self) -> float:
        """The largest worker's resident memory."""
        return max(_resident_mib(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]


@dataclass(frozen=True, slots=True)
class StoreAt:
    kind: str
    folder: Path
    url: str
    database: str

    def settings(self) -> dict[str, str]:
        where = {"DATA_DIR": str(self.folder), "DB_NAME": self.database}
        return where | ({"MONGO_URL": self.url} if self.kind == "mongo" else {})


class Servers:
    """Starts processes, and ends all of them on leaving."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._count = 0
        self._engine: MongoEngine | None = None

    def __enter__(self) -> Self:
        self._folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        # A copy, so that a developer's .env does not reach the program.
        self._project = copy_project(self._folder)
        compile_dir(self._project / "backend", quiet=1)  # as `make run` does
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def gateway(self, milliseconds: int) -> int:
        """The port of a gateway that answers after this time."""
        port = free_port()
        process = self._run("gateway", ["-m", "tests.bench.gateway", str(port), str(milliseconds)], {})
        _wait(process, port)
        return port

    def program(self, store: StoreAt, gateway_port: int, *options: str, port: int = 0, **settings: str) -> Server:
        """Ours, with rate limits off; its background work looks once a minute, since its rivals do none."""
        port = port or free_port()
        told = credentials(gateway_port, JWT_SECRET_KEY=JWT_SECRET, PORT=str(port), **store.settings())
        told |= {f"RATE_LIMIT_{name}": "0" for name in ("USER", "ADDRESS", "WEBHOOKS")}
        command = [str(Path(sys.executable).with_name("backend")), "run", *options]
        return self._serve("program", command, port, store, told | settings)

    def anchors(self, store: StoreAt, gateway_port: int) -> Server:
        """The bare, the framework's and the blocking program, which are one process with several addresses."""
        port = free_port()
        told = store.settings() | {
            "CASHFLOWS_GATEWAY_URL": f"http://127.0.0.1:{gateway_port}",
            "CASHFLOWS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        return self._serve("anchors", ["-m", "tests.bench.anchors", str(port)], port, store, told)

    def new_store(self, kind: str) -> StoreAt:
        """An empty one that nobody else uses."""
        self._count += 1
        folder = self._folder / f"data-{self._count}"
        folder.mkdir()
        return StoreAt(kind, folder, self._mongo_url() if kind == "mongo" else "", f"bench{self._count}")

    def end(self, server: Server) -> None:
        server.process.end()

    def _mongo_url(self) -> str:
        if self._engine is None:
            engine = MongoEngine(self._folder / "mongo", cache_mb=ENGINE_CACHE_MB)
            self._engine = self._resources.enter_context(engine)
        return self._engine.url

    def _serve(self, name: str, arguments: list[str], port: int, store: StoreAt, settings: Mapping[str, str]) -> Server:
        began = time.perf_counter()
        process = self._run(name, arguments, settings)
        _wait(process, port)
        return Server(process, port, store, time.perf_counter() - began)

    def _run(self, name: str, arguments: list[str], settings: Mapping[str, str]) -> Process:
        self._count += 1
        root = str(Path(__file__).parents[2])
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "PYTHONPATH": f"{self._project}:{root}",
            "WORKER_POLL_SECONDS": "60",
            "LOG_LEVEL": "WARNING",
            **settings,
        }
        process = Process(
            f"{self._count}-{name}", [sys.executable, *arguments], environment, self._project, self._folder
        )
        self._resources.callback(process.end)
        return process


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait(process: Process, port: int) -> None:
    def listens() -> bool:
        assert process.runs, process.logs
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    until(f"port {port} is listened on", listens, seconds=60)


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _resident_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))
