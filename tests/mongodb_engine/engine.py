"""Find a MongoDB to test against, and run one on a data folder that may be killed and started again.

Tests ask ``require_or_skip`` for any server, or ``require_engine_or_skip`` for one of their own to kill. Those two
alone decide between skipping and failing: with ``REQUIRE_MONGODB=1`` a missing server is a failure, so that an
automated run cannot pass by having tested nothing.

A killed process loses what it had not handed to the operating system, so a SIGKILL tells a journaled write from one
that was not. It is not a power failure: that the journal reached the disk itself is the engine's promise, and not
shown here.

The npm package has a flaw of its own (0.1.1, measured): a write with ``j: true`` sets off a journal flush, and is
answered without waiting for it. Under 16 writers one kill in ten took a few such writes along, once 240. So WiredTiger
itself is told to hand the journal to the operating system at every commit, and ``journal.mjs`` flushes it to the disk
before an answer goes out. The price: a write without ``j`` survives a SIGKILL too, so a store that forgets to ask is
found by looking at its commands, or by an engine with ``flushes=False``. A mongod needs none of this.
"""

import asyncio
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, NoReturn, Self

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from .install import HERE, Installation, installed

URL_VARIABLE: Final = "MONGODB_TEST_URL"
REQUIRE_VARIABLE: Final = "REQUIRE_MONGODB"
START_SECONDS: Final = 30
STOP_SECONDS: Final = 15  # more than engine.mjs gives itself
PING_MILLISECONDS: Final = 500
CACHE_MB: Final = 64
MONGOD_LEAST_CACHE_GB: Final = 0.25  # mongod refuses less on its command line
HOW_TO_ENABLE: Final = (
    f"no MongoDB to test with: run `python -m tests.mongodb_engine.install` (needs Node.js), "
    f"put mongod on the PATH, or set {URL_VARIABLE}"
)


class EngineError(RuntimeError):
    """The engine did not start, or is not running when it should be."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server somebody else runs; never stopped, killed or reconfigured from here."""

    url: str


@dataclass(frozen=True, slots=True)
class Mongod:
    """MongoDB's own server program."""

    program: Path


@dataclass(frozen=True, slots=True)
class Embedded:
    """The engine in a Node.js process."""

    installation: Installation


@dataclass(frozen=True, slots=True)
class WiredTiger:
    """What the storage engine is told at start."""

    cache_mb: int
    flushes: bool

    def environment(self) -> dict[str, str]:
        """The variable WiredTiger reads last, over what its caller says: the npm package has no options of its own."""
        sync = ",transaction_sync=(enabled=true,method=none)" if self.flushes else ""
        return {"WIREDTIGER_CONFIG": f"cache_size={self.cache_mb}MB{sync}"}


Launchable = Mongod | Embedded
Server = RunningServer | Launchable


def find_server() -> Server | str:
    """The server to test against, in order of preference, or one line saying how to get one."""
    url = os.environ.get(URL_VARIABLE)
    return RunningServer(url) if url else find_launchable()


def find_launchable() -> Launchable | str:
    """As find_server, but only what can be started, and killed, on a folder of the test's own."""
    mongod = shutil.which("mongod")
    if mongod is not None:
        return Mongod(Path(mongod))
    installation = installed()
    return HOW_TO_ENABLE if installation is None else Embedded(installation)


def require_or_skip() -> Server:
    """The server to test against; otherwise skip the test, or fail it where MongoDB is required."""
    found = find_server()
    return _unavailable(found) if isinstance(found, str) else found


def require_engine_or_skip() -> Launchable:
    """As require_or_skip, for tests that stop or kill their server."""
    found = find_launchable()
    return _unavailable(found) if isinstance(found, str) else found


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{REQUIRE_VARIABLE}=1, and {reason}", pytrace=False)
    pytest.skip(reason)


class MongoEngine:
    """One MongoDB on ``data_dir``, on a loopback port it keeps over restarts, so that clients find it again.

    A context manager, plain or async, that is started inside and stopped after. The methods block (a start takes
    about 0.3 s); async code may use ``async with`` and ``asyncio.to_thread(engine.restart)``. It ends with the
    process that started it, even if that is killed.

    ``cache_mb`` bounds WiredTiger's cache, so that an engine a test worker does not exhaust the machine. With
    ``flushes=False`` the npm package is left as it comes: see the module's text for what that loses.
    """

    def __init__(
        self,
        data_dir: Path,
        launch: Launchable | None = None,
        *,
        port: int = 0,
        cache_mb: int = CACHE_MB,
        flushes: bool = True,
    ) -> None:
        self._data_dir = data_dir
        self._launch = launch
        self._port = port
        self._wiredtiger = WiredTiger(cache_mb, flushes)
        self._running: _Running | None = None

    @property
    def url(self) -> str:
        """Where it listens; known from the first start on, and the same while it is down."""
        if self._port == 0:
            raise EngineError("the engine has no port before its first start")
        return f"mongodb://127.0.0.1:{self._port}/?directConnection=true"

    @property
    def pid(self) -> int:
        """The engine's own process, not a wrapper's: SIGSTOP makes it a server that hangs."""
        if self._running is None:
            raise EngineError("the engine is not running")
        return self._running.process.pid

    def start(self) -> None:
        """Start, and return once it answers; the data folder is created if need be.

        Raises:
            EngineError: it did not come up, and why it said so.
        """
        if self._running is not None:
            raise EngineError("the engine is running already")
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._running = _Running.launch(self._found(), self._data_dir, self._port, self._wiredtiger)
        try:
            self._port = self._running.wait_until_listening()
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int | None:
        """Shut down in order (SIGTERM): everything is flushed. The exit status, or None if it was not running."""
        return self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL): nothing is flushed."""
        self._end(subprocess.Popen.kill)

    def restart(self) -> None:
        """Stop if running, and start on the same folder and port."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _found(self) -> Launchable:
        found = self._launch or find_launchable()
        if isinstance(found, str):
            raise EngineError(found)
        return found

    def _wait_until_it_answers(self) -> None:
        assert self._running is not None
        deadline = time.monotonic() + START_SECONDS
        with MongoClient[dict[str, Any]](self.url, serverSelectionTimeoutMS=PING_MILLISECONDS) as client:
            while True:
                try:
                    client.admin.command("ping")
                except PyMongoError as exc:
                    self._running.check_alive()
                    if time.monotonic() > deadline:
                        raise EngineError(f"no answer from MongoDB within {START_SECONDS} s") from exc
                else:
                    return

    def _end(self, send: Callable[[subprocess.Popen[str]], None]) -> int | None:
        running, self._running = self._running, None
        return None if running is None else running.end(send)


class _Running:
    """The process, and what has to be let go of after it."""

    def __init__(self, process: subprocess.Popen[str], complaints: IO[str], port: int) -> None:
        self.process = process
        self._complaints = complaints
        self._port = port
        self._socket_directory: str | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @classmethod
    def launch(cls, launch: Launchable, data_dir: Path, port: int, wiredtiger: WiredTiger) -> Self:
        """Start the process; ``wait_until_listening`` tells when it can be used."""
        if isinstance(launch, Mongod):
            port = port or _free_port()
            command = _mongod_command(launch, data_dir, port, wiredtiger)
        else:
            flush = ["flush"] if wiredtiger.flushes else []
            command = launch.installation.node(
                HERE / "engine.mjs", launch.installation.folder, data_dir, str(port), *flush
            )
        complaints = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed in `end`)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if isinstance(launch, Embedded) else complaints,  # mongod's log
            stderr=complaints,
            env=os.environ | ({} if isinstance(launch, Mongod) else wiredtiger.environment()),
            text=True,
            start_new_session=True,  # Ctrl-C is for the test runner, which then stops the engine
        )
        running = cls(process, complaints, port)
        if isinstance(launch, Mongod):
            running._watchdog = _watchdog(process.pid)
        return running

    def wait_until_listening(self) -> int:
        """The port. Of the two programs only engine.mjs chooses it, and says so; mongod was told."""
        output = self.process.stdout
        if output is None:
            return self._port
        readable, _, _ = select.select([output], [], [], START_SECONDS)
        line = output.readline() if readable else ""
        if not line:
            self.check_alive()
            raise EngineError(f"the engine was not ready within {START_SECONDS} s")
        ready = json.loads(line)
        self._socket_directory = ready["socketDirectory"]
        return int(ready["port"])

    def check_alive(self) -> None:
        """Raise EngineError with what the process said last, if it has ended."""
        try:
            status = self.process.wait(PING_MILLISECONDS / 1000)
        except subprocess.TimeoutExpired:
            return
        self._complaints.seek(0)
        said = self._complaints.read()[-2000:].strip()
        raise EngineError(f"MongoDB ended with status {status}: {said or 'it said nothing'}")

    def end(self, send: Callable[[subprocess.Popen[str]], None]) -> int:
        """Send the signal, wait, and release everything; a process that ignores it is killed."""
        send(self.process)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if self._watchdog is not None:
            self._watchdog.kill()  # before closing its pipe: the pid may be another process's by now
            self._watchdog.communicate()
        for stream in (self.process.stdin, self.process.stdout, self._complaints):
            if stream is not None:
                stream.close()
        if self._socket_directory is not None:
            shutil.rmtree(self._socket_directory, ignore_errors=True)
        return status


def _mongod_command(mongod: Mongod, data_dir: Path, port: int, wiredtiger: WiredTiger) -> list[str]:
    cache_gb = max(wiredtiger.cache_mb / 1024, MONGOD_LEAST_CACHE_GB)
    options = ["--bind_ip", "127.0.0.1", "--port", str(port), "--wiredTigerCacheSizeGB", str(cache_gb)]
    return [str(mongod.program), "--dbpath", str(data_dir), *options]


def _free_port() -> int:
    """A port nobody listens on just now; mongod cannot choose one itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _watchdog(pid: int) -> subprocess.Popen[bytes]:
    """Ends ``pid`` when this process dies: unlike engine.mjs, mongod does not notice its stdin closing."""
    script = 'read -r _; kill -TERM "$0"'
    return subprocess.Popen(["sh", "-c", script, str(pid)], stdin=subprocess.PIPE, start_new_session=True)
