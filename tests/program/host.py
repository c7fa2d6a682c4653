"""Where a test's programs run: as a person starts them, in a fresh copy of the project, over real sockets.

Every process is ended by its own id when its test is over, and what it logged is shown if the test failed. A
developer's ``.env`` and environment do not reach the programs.
"""

import os
import shutil
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, TypeAlias

import httpx

from .process import PATIENCE_SECONDS, Process, Site, until

PROJECT: Final = Path(__file__).parents[2]

JWT_SECRET: Final = "a-secret-of-the-tests-that-signs-customers-tokens"
CONFIGURATION_ID: Final = "201126100000000042"
API_KEY: Final = "key-of-the-tests"
API_SECRET: Final = "api-secret-of-the-tests"
WEBHOOK_SECRET: Final = "webhook-secret-of-the-tests"

Settings: TypeAlias = Mapping[str, str]
NO_SETTINGS: Final[Settings] = MappingProxyType({})


def copy_project(folder: Path) -> Path:
    """What a fresh clone holds of the program: no ``.env``, no data; the virtual environment is the tests' own."""
    shutil.copytree(PROJECT / "backend", folder / "backend", ignore=shutil.ignore_patterns("__pycache__", ".env"))
    shutil.copy(PROJECT / "supervisord.conf", folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


class Served(Site):
    """A site together with the process behind it."""

    def __init__(self, site: Site, process: Process) -> None:
        super().__init__(site.port, site.client)
        self.process = process

    def wait_for(self, path: str) -> Self:
        """Itself, once ``path`` is answered."""
        until(f"{path} is answered", lambda: self._is_up(path))
        return self

    def _is_up(self, path: str) -> bool:
        assert self.process.runs, f"it ended with {self.process.wait()}\n{self.process.logs}"
        return self.answers(path)


class Backend(Served):
    """``backend run``."""


class Gateway(Served):
    """``python -m backend.simulator``: a payment gateway on the far side of a network."""

    def jobs(self, order: str = "") -> Any:
        """What it believes of the jobs for one order, or of all."""
        return self.client.get("/jobs.json", params={"order": order}).json()["jobs"]


class Host:
    """Where a test's programs run: ports that stay theirs, one data folder, and an end to everything."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project = project
        self.data = folder / "data"
        self._folder = folder
        self._resources = ExitStack()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def backend(self, settings: Settings = NO_SETTINGS, *options: str, port: int | None = None) -> Backend:
        """``backend run``, ready to be used. The same port again is the same backend, started again."""
        site = self.site(port)
        settings = {"JWT_SECRET_KEY": JWT_SECRET, "PORT": str(site.port), **settings}
        return Backend(site, self.run("backend", "run", *options, settings=settings)).wait_for("/healthz")

    def gateway(self, *, port: int | None = None) -> Gateway:
        """The simulator as a program of its own, ready to be used."""
        site = self.site(port)
        settings = {
            "SIMULATOR_PORT": str(site.port),
            "SIMULATOR_CONFIGURATION_ID": CONFIGURATION_ID,
            "SIMULATOR_API_KEY": API_KEY,
            "SIMULATOR_API_SECRET": API_SECRET,
            "SIMULATOR_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        process = self.run("python", "-m", "backend.simulator", settings=settings)
        return Gateway(site, process).wait_for("/faults")

    def site(self, port: int | None = None) -> Site:
        """A place to listen, on a port of its own."""
        port = port or self.reserve_port()
        limits = httpx.Limits(max_keepalive_connections=0)  # a server that was started again is a new connection
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE_SECONDS, limits=limits
        )
        return Site(port, self._resources.enter_context(client))

    def reserve_port(self) -> int:
        """A port that the system gives to nobody else until the test is over, also while no program listens on it.

        On Linux a bound socket that does not listen keeps it so, and lets a program bind it as well.
        """
        holder = self._resources.enter_context(socket.socket())
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()
        return port

    def run(
        self,
        command: str,
        *arguments: str,
        settings: Settings = NO_SETTINGS,
        end_seconds: float = PATIENCE_SECONDS,
    ) -> Process:
        """Start a command of the virtual environment; it gets ``end_seconds`` to end when the test is over."""
        self._count += 1
        program = Path(sys.executable).parent / command
        process = Process(
            f"{self._count}-{command}",
            [str(program), *arguments],
            self._environment(settings),
            self.project,
            self._folder,
        )
        self._resources.callback(lambda: sys.stdout.write(process.logs))
        self._resources.callback(process.end, end_seconds)
        return process

    def _environment(self, settings: Settings) -> dict[str, str]:
        """What programs see of the world: the given settings, and no setting of whoever runs the tests."""
        plain = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "PYTHONPATH": str(self.project)}
        return plain | {"DATA_DIR": str(self.data), **settings}


def credentials(gateway_port: int, **settings: str) -> dict[str, str]:
    """The settings of a backend that is a merchant of the gateway on ``gateway_port``."""
    return {
        "CASHFLOWS_MERCHANT_ID": CONFIGURATION_ID,
        "CASHFLOWS_API_KEY": API_KEY,
        "CASHFLOWS_API_SECRET": API_SECRET,
        "CASHFLOWS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "CASHFLOWS_GATEWAY_URL": f"http://127.0.0.1:{gateway_port}",
        **settings,
    }
