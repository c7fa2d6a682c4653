"""The command line in process, on a data folder in which a shop has sold something."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.stores import SqliteStore
from tests.api.program import BASE_URL, JWT_SECRET, WEBHOOK_SECRET, program
from tests.program.host import PROJECT, Host, copy_project

Run: TypeAlias = Callable[..., Any]
CARD = {"cc-number": "4111 1111 1111 1111", "cc-name": "Test User", "cc-exp": "12/35", "cc-csc": "123"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("orders", "--json")``: what it printed, as data where it is JSON; the exit code must be ``code``."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATA_DIR": str(tmp_path),
        "JWT_SECRET_KEY": JWT_SECRET,
        "CASHFLOWS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PUBLIC_BASE_URL": BASE_URL,
    }.items():
        monkeypatch.setenv(name, value)

    def call(*words: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
        return json.loads(result.stdout) if "--json" in words and code in (0, 4) else result.output

    return call


def in_a_shell(script: str, folder: Path, **settings: str) -> "subprocess.CompletedProcess[bytes]":
    """What ``script`` does, in which ``backend`` is the command: a process of its own, in ``folder``."""
    command = f"exec {shlex.quote(sys.executable)} -c 'from backend.cli import app; app()' \"$@\""
    program = folder / "bin" / "backend"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(PROJECT),
        **settings,
    }
    return subprocess.run(
        ["bash", "-c", script], env=environment, cwd=folder, capture_output=True, timeout=60, check=False
    )


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """A store without orders, as the program makes it."""

    async def make() -> None:
        store = SqliteStore(tmp_path / "orders.sqlite3")
        await store.open()
        await store.close()

    asyncio.run(make())
    return tmp_path / "orders.sqlite3"


@pytest.fixture
def paid(run: Run, tmp_path: Path) -> str:
    """The reference of an order over 10 pounds that is paid."""
    asyncio.run(sell(tmp_path))
    return "TEST-001"


async def sell(folder: Path, **settings: Any) -> None:
    async with program(folder, **settings) as shop:
        created = (await shop.create()).json()
        parts = urlsplit(created["action_url"])
        await shop.client.post(f"{parts.path}?{parts.query}", data=CARD | {"action": "pay"})
        for _ in range(1000):
            if (await shop.order()).json()["status"] == "paid":
                return
            await asyncio.sleep(0.01)
    raise AssertionError("the webhook never came")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def host(project: Path, tmp_path: Path) -> Iterator[Host]:
    with Host(project, tmp_path) as host:
        yield host
