"""supervisord.conf with a real supervisord: its logs, its restart that lets requests finish, its answer to an exit."""

import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from .host import JWT_SECRET, NO_SETTINGS, Host, Settings, credentials
from .process import until
from .shop import Shop
from .test_stop import request_in_flight

STOP_SECONDS: Final = 40.0
"""Longer than the configuration gives the backend to finish."""


class Supervisor:
    """supervisord with the project's own configuration, of which only ``/var`` is elsewhere."""

    def __init__(self, host: Host, var: Path) -> None:
        self._host = host
        self._var = var
        self.site = host.site()
        self._configuration = host.project / "supervised.conf"  # its folder is what %(here)s stands for
        text = (host.project / "supervisord.conf").read_text()
        self._configuration.write_text(text.replace("/var/log/supervisor", str(var)).replace("/var/run", str(var)))

    def start(self, settings: Settings = NO_SETTINGS) -> int:
        """The backend's process id, once it runs."""
        where, port = str(self._configuration), str(self.site.port)
        settings = {"JWT_SECRET_KEY": JWT_SECRET, "PORT": port, **settings}
        self._host.run("supervisord", "--nodaemon", "-c", where, settings=settings, end_seconds=STOP_SECONDS)
        return self.process_other_than(None)

    def backend_log(self, which: str) -> str:
        """``out`` or ``err``, where operators look for it."""
        return (self._var / f"backend.{which}.log").read_text()

    def control(self, *words: str) -> str:
        """What ``supervisorctl`` answers, once it has done what it was told."""
        control = self._host.run("supervisorctl", "-c", str(self._configuration), *words)
        control.wait(STOP_SECONDS)
        return control.output

    def process_other_than(self, former: int | None) -> int:
        """The backend's process id, once that is another one, counts as running and serves."""
        process = until("another process runs", lambda: self._process_other_than(former))
        until("it serves", lambda: self.site.answers("/healthz"))
        return process

    def _process_other_than(self, former: int | None) -> int | None:
        running = re.search(r"RUNNING +pid (\d+)", self.control("status", "backend"))
        return int(running[1]) if running and int(running[1]) != former else None


@pytest.fixture
def supervisor(host: Host) -> Iterator[Supervisor]:
    with tempfile.TemporaryDirectory() as var:  # short: the path of a socket may have 107 characters
        supervisor = Supervisor(host, Path(var))
        yield supervisor
        sys.stdout.write(supervisor.backend_log("out") + supervisor.backend_log("err"))


def test_a_restart_lets_the_request_in_flight_finish(host: Host, supervisor: Supervisor) -> None:
    gateway = host.gateway()
    before = supervisor.start(credentials(gateway.port))
    with ThreadPoolExecutor(max_workers=1) as pool:
        answer = request_in_flight(pool, supervisor.site, gateway)
        assert "backend: started" in supervisor.control("restart", "backend")
        assert answer.result(0).status_code == 200
    assert supervisor.process_other_than(before)
    assert Shop(supervisor.site).create().status_code == 200


def test_every_exit_is_followed_by_a_start_and_the_logs_are_where_operators_look(supervisor: Supervisor) -> None:
    process = supervisor.start()
    for sign in (signal.SIGKILL, signal.SIGTERM):
        os.kill(process, sign)
        process = supervisor.process_other_than(process)
    assert f"{supervisor.site.url}/docs" in supervisor.backend_log("out")
    assert f"Uvicorn running on http://127.0.0.1:{supervisor.site.port}" in supervisor.backend_log("err")
