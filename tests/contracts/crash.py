"""Kill a writing process, or the database engine, at random moments, and check that nothing acknowledged is lost.

    python -m tests.contracts.crash --store sqlite --kills 20
    python -m tests.contracts.crash --store mongo --kills 20 --victim engine

Each round starts writers (``crash_worker.py``), ends the victim with SIGKILL after a random number of acknowledged
writes, and has a fresh process read them all. A SIGKILL is no power failure: what was handed to the operating system
survives it, flushed or not. So this shows that what was acknowledged had been handed over, and that a death at any
moment leaves a readable file; that commits are flushed is for ``test_sqlite.py`` and the write concern to show.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tests.mongodb_engine.engine import MongoEngine

WRITERS: Final = 2
WORKER: Final = (sys.executable, "-m", "tests.contracts.crash_worker")
ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many kills, each after one to ``most_acknowledged`` writes: few, so that kills also fall into the start."""

    kills: int
    seed: int = 1
    most_acknowledged: int = 1500


@dataclass(frozen=True, slots=True)
class Found:
    """After all rounds: how many writes were acknowledged, which of them are lost, and how many nobody was told of."""

    kills: int
    acknowledged: int
    landed_unacknowledged: int
    lost: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.acknowledged} acknowledged writes, {len(self.lost)} lost; "
            f"{self.landed_unacknowledged} writes are there that were never acknowledged"
        )


def crash_sqlite(path: Path, plan: Plan, kind: str = "sqlite") -> Found:
    """Kill the processes that write to the file; ``kind`` may be a broken store, to see that this test finds it."""
    return _crash(kind, str(path), plan, kill=_kill_all)


def crash_mongo_writers(url: str, plan: Plan) -> Found:
    """Kill the processes that write to the server."""
    return _crash("mongo", url, plan, kill=_kill_all)


def crash_mongo_engine(engine: MongoEngine, plan: Plan) -> Found:
    """Kill the server under the processes that write to it, and start it again on what it left."""

    def kill(writers: list[subprocess.Popen[str]]) -> None:
        engine.kill()
        _kill_all(writers)
        engine.start()

    return _crash("mongo", engine.url, plan, kill=kill)


def _crash(kind: str, place: str, plan: Plan, kill: Callable[[list[subprocess.Popen[str]]], None]) -> Found:
    chance = random.Random(plan.seed)  # noqa: S311 - to be repeated, not to be secret
    acknowledged: list[str] = []
    lost: list[str] = []
    landed = 0
    for number in range(plan.kills):
        acknowledged += _round(kind, place, f"r{number}", chance.randint(1, plan.most_acknowledged), kill)
        found = _read(kind, place, acknowledged, number + 1)
        landed = found.count("landed")
        lost += [line for line in found if line != "landed"]
        if lost:
            break
    return Found(plan.kills, len(acknowledged), landed, tuple(lost))


def _round(
    kind: str, place: str, name: str, until: int, kill: Callable[[list[subprocess.Popen[str]]], None]
) -> list[str]:
    """What the writers said before they died."""
    with ExitStack() as stack:
        output, said = _pipe(stack)
        writers = [
            stack.enter_context(_worker("write", kind, place, f"{name}-{number}", stdout=output))
            for number in range(WRITERS)
        ]
        stack.callback(_kill_all, writers)
        output.close()  # the writers' ends are all that is left, so reading ends when they do
        lines = []
        for line in said:
            lines.append(line)
            if len(lines) == until:
                kill(writers)
        assert len(lines) >= until, "the writers ended by themselves"
        return lines


def _pipe(stack: ExitStack) -> tuple[IO[str], IO[str]]:
    reading, writing = os.pipe()
    said = stack.enter_context(os.fdopen(reading))
    return stack.enter_context(os.fdopen(writing, "w")), said


def _kill_all(writers: list[subprocess.Popen[str]]) -> None:
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        writer.wait()


def _read(kind: str, place: str, acknowledged: list[str], reading: int) -> list[str]:
    environment = os.environ | {"READING": str(reading)}
    done = subprocess.run(
        [*WORKER, "read", kind, place],
        input="".join(acknowledged),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    return done.stdout.splitlines()


def _worker(*arguments: str, stdout: IO[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([*WORKER, *arguments], stdout=stdout, text=True, cwd=ROOT)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", choices=["sqlite", "mongo"], default="sqlite")
    parser.add_argument("--victim", choices=["writer", "engine"], default="writer", help="engine: with --store mongo")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    plan = Plan(asked.kills, asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        if asked.store == "sqlite":
            found = crash_sqlite(Path(folder) / "orders.db", plan)
        else:
            with MongoEngine(Path(folder)) as engine:
                if asked.victim == "engine":
                    found = crash_mongo_engine(engine, plan)
                else:
                    found = crash_mongo_writers(engine.url, plan)
    sys.stdout.write(f"{asked.store}, {asked.victim} killed, seed {asked.seed}: {found}\n")
    if found.lost:
        sys.exit("\n".join(found.lost))


if __name__ == "__main__":
    main()
