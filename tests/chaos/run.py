"""``make chaos``: a storm, then quiet, then an audit.

    python -m tests.chaos.run --store sqlite --minutes 10 --seed 1

The last line is a JSON object: what was acknowledged, lost, doubled and left unresolved, and what was done to whom.
"""

import argparse
import asyncio
import itertools
import json
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from tests.program.host import copy_project

from . import clocks
from .auditor import Findings, audit
from .book import Book
from .disk import disk
from .evidence import gathered
from .people import World, customer, look_after, operator
from .shop import ShopServer
from .stage import Stage, stage
from .strokes import Storm

CUSTOMERS: Final = 10
OPERATORS: Final = 2
CALM_SECONDS: Final = 3.0
"""Of undisturbed work at the start, and before the world's clock is moved."""
MOVED_SECONDS: Final = 40 * 60
"""How far all clocks go on at a time once it is quiet: half an hour's wait has its turn, then longer ones."""
ROUND_SECONDS: Final = 10.0
MOST_ROUNDS: Final = 18
LOOK_EVERY_SECONDS: Final = 2.0
START_SECONDS: Final = 90.0
SHOPS_TROUBLE: Final = 0.1
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    store: str
    seconds: float
    seed: int = 1


@dataclass
class Outcome:
    plan: Plan
    findings: Findings
    strokes: Counter[str]
    orders: int
    kills: int
    ended_by_themselves: int
    quiet_seconds: float
    unexpected: list[str] = field(default_factory=list)
    """Answers 500, and what the programs logged as not expected."""

    @property
    def clean(self) -> bool:
        return self.findings.clean and not self.unexpected

    def as_json(self) -> str:
        told: dict[str, Any] = {
            "store": self.plan.store,
            "seed": self.plan.seed,
            "seconds": self.plan.seconds,
            "orders": self.orders,
            "acknowledged": self.findings.acknowledged.total(),
            "lost": len(self.findings.lost),
            "doubled": len(self.findings.doubled),
            "unresolved": len(self.findings.unresolved),
            "unexpected": len(self.unexpected),
            "kills": self.kills,
            "ended_by_themselves": self.ended_by_themselves,
            "quiet_seconds": round(self.quiet_seconds, 1),
            "strokes": dict(sorted(self.strokes.items())),
            "by_kind": dict(sorted(self.findings.acknowledged.items())),
        }
        return json.dumps(told)

    def table(self) -> str:
        findings = self.findings
        lines = ["acknowledged     lost  doubled  unresolved"]
        numbers = (len(findings.lost), len(findings.doubled), len(findings.unresolved))
        lines.append(f"{findings.acknowledged.total():>12} {numbers[0]:>8} {numbers[1]:>8} {numbers[2]:>11}")
        for name in ("lost", "doubled", "unresolved"):
            lines += [f"{name}: {words}" for words in getattr(findings, name)[:SHOWN]]
        lines += [f"unexpected: {words}" for words in self.unexpected[:SHOWN]]
        return "\n".join(lines)


async def chaos(plan: Plan, folder: Path) -> Outcome:
    """The whole play. Everything that it starts has ended when it returns."""
    chance = random.Random(plan.seed)  # noqa: S311 - to be repeated, not to be secret
    async with AsyncExitStack() as resources:
        store_disk = resources.enter_context(disk(folder / "disk"))
        book = resources.enter_context(Book(folder / "acknowledged.jsonl"))
        project = copy_project(_made(folder / "project"))
        shop_port = _free_port()
        played = resources.enter_context(stage(plan.store, project, folder, store_disk, shop_port))
        shop = ShopServer(book, random.Random(plan.seed))  # noqa: S311
        await resources.enter_async_context(shop.serving(shop_port))
        client = await resources.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=12))
        world = World(played.web_ports, played.gateway_port, book, chance, client)
        await resources.enter_async_context(_kept(played))
        await _all_answer(world)
        storm = Storm(played, random.Random(plan.seed), lambda: book.noted)  # noqa: S311
        async with asyncio.TaskGroup() as people:
            numbers = itertools.count(1)
            for _ in range(CUSTOMERS):
                people.create_task(customer(world, numbers))
            for number in range(OPERATORS):
                people.create_task(operator(world, f"operator-{number}"))
            await asyncio.sleep(CALM_SECONDS)
            shop.trouble = SHOPS_TROUBLE
            await storm.rage(plan.seconds)
            shop.trouble = 0.0
            played.set_clocks(0)
            world.stopped.set()
        began = time.monotonic()
        findings = await _quiet(played, world)
        if plan.store == "sqlite":
            shutil.copytree(played.data, folder / "data")  # the disk goes with us
        world.unexpected += [f"{shop.forged} notifications came unsigned"] if shop.forged else []
        return Outcome(
            plan,
            findings,
            storm.fell,
            orders=next(numbers) - 1,
            kills=sum(player.kills for player in played.players) + played.engine_kills,
            ended_by_themselves=sum(player.ended_by_itself for player in played.players) + played.engine_ends,
            quiet_seconds=time.monotonic() - began,
            unexpected=world.unexpected + _logged(played),
        )


async def _quiet(played: Stage, world: World) -> Findings:
    """Time passes, and a person does what persons do; returns once all is well, or has not become so."""
    await _all_answer(world)
    await asyncio.sleep(CALM_SECONDS)
    for number in range(1, MOST_ROUNDS + 1):
        played.set_clocks(number * MOVED_SECONDS)
        deadline = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < deadline:
            await look_after(world, "operator-0")
            findings = await asyncio.to_thread(lambda: audit(gathered(played.store, played.ledger, world.book.path)))
            if findings.clean:
                return findings
            await asyncio.sleep(LOOK_EVERY_SECONDS)
    return findings


async def _all_answer(world: World) -> None:
    addresses = [f"http://127.0.0.1:{port}/readyz" for port in world.web_ports]
    addresses.append(f"http://127.0.0.1:{world.gateway_port}/faults")
    for address in addresses:
        async with asyncio.timeout(START_SECONDS):
            while not await _answers(world.client, address):  # noqa: ASYNC110 (a process has nobody to tell)
                await asyncio.sleep(0.1)


async def _answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(address)).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def _kept(played: Stage) -> AsyncIterator[None]:
    keeping = asyncio.create_task(played.keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def _logged(played: Stage) -> list[str]:
    """What our programs logged with a traceback: nobody had thought of it. A start without a store ends in one, too."""
    lines = [line for player in played.ours for log in player.errors for line in log.splitlines()]
    return [line[-1500:] for line in lines if "Traceback" in line and "\\nbackend.ports.store.Store" not in line]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def _interruptible(plan: Plan, place: Path) -> Outcome:
    """A SIGTERM ends everything that was started, too."""
    playing = asyncio.ensure_future(chaos(plan, place))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    return await playing


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", choices=["sqlite", "mongo"], default="sqlite")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder for logs, ledger and acknowledgements, to look into")
    asked = parser.parse_args()
    if not clocks.can_be_wrong():
        sys.stderr.write("chaos: no clock will be wrong; install Debian's libfaketime for that\n")
    plan = Plan(asked.store, asked.minutes * 60, asked.seed)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        place = Path(folder) if asked.keep is None else _made(asked.keep)
        outcome = asyncio.run(_interruptible(plan, place))
    sys.stdout.write(f"{outcome.table()}\n{outcome.as_json()}\n")
    if not outcome.clean:
        sys.exit(1)


if __name__ == "__main__":
    main()
