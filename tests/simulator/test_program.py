"""The simulator as a process of its own, over real sockets."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx
import pytest

from backend.simulator import SimulatorSettings
from backend.simulator.program import banner
from backend.simulator.settings import settings_from_environment

from .world import Merchant, Shopper

SETTINGS = SimulatorSettings(configuration_id="12345", api_key="one", api_key_2="two", api_secret="secret")
Start = Callable[[], "Program"]


class Program:
    """A running simulator; its port is known once it printed that it listens."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {
            "SIMULATOR_CONFIGURATION_ID": SETTINGS.configuration_id,
            "SIMULATOR_API_KEY": SETTINGS.api_key,
            "SIMULATOR_API_KEY_2": str(SETTINGS.api_key_2),
            "SIMULATOR_API_SECRET": SETTINGS.api_secret,
            "SIMULATOR_PORT": "0",
            "SIMULATOR_DATA_DIR": str(folder),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "backend.simulator"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.base = _listening_at(self.process.stdout)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _listening_at(output: IO[str]) -> str:
    for line in output:
        if line.startswith("Listening on "):
            return line.split()[-1]
    raise AssertionError("the simulator ended before it listened")


@contextmanager
def running(folder: Path) -> Iterator[Program]:
    program = Program(folder)
    try:
        yield program
    finally:
        program.kill()


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def test_a_lost_reply_drops_the_connection(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        async with httpx.AsyncClient(base_url=program.base, trust_env=False) as client:
            merchant = Merchant(client, SETTINGS, "sha512")
            for script in ("lost-reply", "lost-request"):
                with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                    await merchant.create(f"FAULT.{script}.A-1")
            jobs = (await client.get("/jobs.json")).json()["jobs"]
            assert [job["orderNumber"] for job in jobs] == ["FAULT.lost-reply.A-1"]
            created = await merchant.create("FAULT.lost-reply.A-1~2")
            assert created["data"]["paymentStatus"] == "Pending"


async def test_a_killed_process_has_lost_nothing_it_answered(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        async with httpx.AsyncClient(base_url=program.base, trust_env=False) as client:
            created = await Merchant(client, SETTINGS).create()
            await Shopper(client).pay(created)
    with running(tmp_path) as program:
        async with httpx.AsyncClient(base_url=program.base, trust_env=False) as client:
            data = await Merchant(client, SETTINGS).job(created["data"]["reference"])
            assert data["paymentStatus"] == "Paid"


async def test_it_stops_when_asked(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.process.terminate()
    try:
        assert program.process.wait(10) in {0, -15}
    finally:
        program.kill()


def test_the_banner_tells_what_to_put_into_a_client() -> None:
    text = banner(SETTINGS)
    for value in ("12345", "one or two", "secret", "/api/gateway", "/faults", "in memory"):
        assert value in text


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    environment = {"SIMULATOR_API_KEY": "", "SIMULATOR_DATA_DIR": str(tmp_path),
                   "SIMULATOR_AUTO_CAPTURE": "off", "SIMULATOR_PARTIAL_CAPTURE": "yes"}  # fmt: skip
    settings = settings_from_environment(environment, 9000)
    assert settings.api_key == SimulatorSettings().api_key
    assert urlsplit(settings.public_base_url).port == 9000
    assert settings.ledger_path == tmp_path / "simulator.sqlite3"
    assert (settings.auto_capture, settings.partial_capture) == (False, True)
    with pytest.raises(ValueError, match="SIMULATOR_AUTO_CAPTURE"):
        settings_from_environment({"SIMULATOR_AUTO_CAPTURE": "perhaps"}, 8002)


def test_a_wrong_setting_stops_the_start_with_one_line() -> None:
    environment = os.environ | {"SIMULATOR_PORT": "eighty"}
    ended = subprocess.run(
        [sys.executable, "-m", "backend.simulator"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == "simulator: SIMULATOR_PORT must be a port number"


def test_a_ledger_that_cannot_be_opened_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "simulator.sqlite3").write_text("garbage " * 100)
    environment = os.environ | {"SIMULATOR_PORT": "0", "SIMULATOR_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "backend.simulator"], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.strip() == (
        f"simulator: cannot open the ledger {tmp_path}/simulator.sqlite3, in SIMULATOR_DATA_DIR: file is not a database"
    )
