"""Processes, and what can be seen of them from outside.

Nothing here waits for a guessed time: each wait is for something that can be seen, and has a deadline.
"""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import httpx

PATIENCE_SECONDS: Final = 20.0
"""How long anything may take before a test gives up: far longer than it does, since machines are busy."""
PAUSE_SECONDS: Final = 0.02
SHOWN_CHARACTERS: Final = 6000

Seen = TypeVar("Seen")


def until(what: str, look: Callable[[], Seen | None], seconds: float = PATIENCE_SECONDS) -> Seen:
    """The first answer of ``look`` that counts as true.

    Raises:
        AssertionError: none did in time.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain until {what}; last seen: {seen!r}")
        time.sleep(PAUSE_SECONDS)
    return seen


class Process:
    """One process of a test, its logs in files."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path, logs: Path
    ) -> None:
        self._name = name
        self._out, self._err = logs / f"{name}.out.log", logs / f"{name}.err.log"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(command, env=environment, cwd=cwd, stdout=out, stderr=err)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return self._out.read_text()

    @property
    def errors(self) -> str:
        return self._err.read_text()

    @property
    def logs(self) -> str:
        """The end of both logs, for whoever reads why a test failed."""
        out, err = self.output[-SHOWN_CHARACTERS:], self.errors[-SHOWN_CHARACTERS:]
        return f"--- {self._name}, stdout\n{out}\n--- {self._name}, stderr\n{err}\n"

    @property
    def kept_waiting_seconds(self) -> float:
        """How long it was ready to run while other work had the processors; 0 where the system does not tell."""
        try:
            _, waiting, _ = Path(f"/proc/{self._process.pid}/schedstat").read_text().split()
        except OSError:
            return 0.0
        return int(waiting) / 1e9

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def signal(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """Tell it something, by default to end, without waiting for it."""
        self._process.send_signal(sign)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit code, negative for a signal."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        """kill -9: it gets no chance to tidy up."""
        self._process.kill()
        self.wait()

    def end(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Whatever state it is in, it is gone afterwards."""
        self.signal()
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


class Site:
    """What can be seen from outside of a program that listens on ``port``."""

    def __init__(self, port: int, client: httpx.Client) -> None:
        self.port = port
        self.client = client

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def listens(self) -> bool:
        """Whether it takes new connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def answers(self, path: str) -> bool:
        try:
            return self.client.get(path).status_code == 200
        except httpx.TransportError:
            return False
