"""kill -9 at every single step of a create, a payment, its webhook, a capture, a void, a refund and telling the shop.

``python -m tests.simulation.kill_everywhere`` runs one world for each step that any process takes in the time of
trouble, on both stores; the last line is a JSON object.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from multiprocessing import get_context
from typing import Final, TypeAlias

from .world import Options, options_for, run_world

CALM: Final = 1e9
SCENARIOS: Final[Mapping[int, str]] = {3: "capture", 5: "refund", 15: "void", 32: "refund after refund"}
"""What the operators do in a seed's world. In all of them a customer pays, a webhook comes, and the shop is told."""
STEPS_OF: Final = ("create", "pay", "webhook", "capture", "void", "refund", "notify")
"""What each store must have been killed in the middle of."""
CHUNK: Final = 40
Chunk: TypeAlias = tuple[Options, tuple[int, ...]]


def scenario(seed: int, *, sqlite: bool = False) -> Options:
    return replace(options_for(seed, calm=CALM, sqlite=sqlite), orders=1, processes=2)


def deaths(options: Options, steps: Iterable[int]) -> list[str]:
    """What broke in worlds in which nothing goes wrong but that a process dies, at each of ``steps`` in turn."""
    found = []
    for step in steps:
        result = run_world(replace(options, dies_at=step))
        found += [f"seed {options.seed}, killed at step {step}: {broken}" for broken in result.violations]
    return found


def reached(*, sqlite: bool) -> frozenset[str]:
    """Which of these the scenarios do while a process may die."""
    saw = sum((run_world(scenario(seed, sqlite=sqlite)).saw for seed in SCENARIOS), Counter[str]())
    return frozenset(what for what in STEPS_OF if saw[f"{what} in trouble"])


def _chunks() -> Iterator[Chunk]:
    for seed in SCENARIOS:
        for sqlite in (False, True):
            options = scenario(seed, sqlite=sqlite)
            steps = range(1, run_world(options).steps_in_trouble + 1)
            yield from ((options, tuple(steps[start : start + CHUNK])) for start in range(0, len(steps), CHUNK))


def _deaths(chunk: Chunk) -> list[str]:
    return deaths(*chunk)


def main() -> int:
    began, chunks, broken = time.monotonic(), list(_chunks()), 0
    with get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        for found in pool.imap(_deaths, chunks):
            broken += len(found)
            print(*found, sep="\n", end="\n" if found else "", flush=True)  # noqa: T201
    figures = {
        "scenarios": len(SCENARIOS),
        "stores": 2,
        "kill_points": sum(len(steps) for _, steps in chunks),
        "violations": broken,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(figures))  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
