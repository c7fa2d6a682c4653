"""Run many worlds: ``python -m tests.simulation.run --seeds 1000``; one again with ``--seed 7``.

The last line is a JSON object with ``worlds``, ``seconds``, ``faults``, ``kills`` and ``violations``. A failure prints
its seed and the shrunk list of events. With ``--progress FILE`` a run goes on where an earlier one stopped.
"""

import argparse
import gc
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from .shrink import shrunk
from .world import Options, Result, Variant, options_for, run_world

BATCH: Final = 48
"""Worlds; each batch has a process of its own, whose memory goes as a whole with it."""
LONGEST_BATCH_SECONDS: Final = 900
SQLITE_EVERY: Final = 10
"""Without a word on the store, every so many worlds keep their orders in a SQLite file."""


@dataclass
class Total:
    worlds: int = 0
    steps: int = 0
    virtual_seconds: float = 0.0
    orders: int = 0
    payments: int = 0
    orders_with_alerts: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    saw: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def add(self, other: "Total") -> None:
        self.worlds += other.worlds
        self.steps += other.steps
        self.virtual_seconds += other.virtual_seconds
        self.orders += other.orders
        self.payments += other.payments
        self.orders_with_alerts += other.orders_with_alerts
        self.faults += other.faults
        self.saw += other.saw
        self.failed += other.failed

    def note(self, result: Result) -> None:
        self.worlds += 1
        self.steps += result.steps
        self.virtual_seconds += result.virtual_seconds
        self.orders += result.orders
        self.payments += result.payments
        self.orders_with_alerts += result.orders_with_alerts
        self.faults += result.faults
        self.saw += result.saw


@dataclass(frozen=True, slots=True)
class Plan:
    """What the worlds of a run have in common."""

    variants: tuple[Variant, ...]
    stores: tuple[str, ...]
    calm: float = 1.0
    everyday: bool = False

    @property
    def worlds_a_seed(self) -> int:
        return len(self.variants) * len(self.stores)

    def options(self, seed: int) -> Iterator[Options]:
        for variant in self.variants:
            for store in self.stores:
                sqlite = store == "sqlite" or (store == "mixed" and seed % SQLITE_EVERY == 0)
                yield options_for(seed, variant, sqlite=sqlite, calm=self.calm, everyday=self.everyday)


def run_batch(seeds: Sequence[int], plan: Plan) -> Total:
    total = _run_uncollected(seeds, plan)
    gc.enable()
    gc.collect()
    return total


def _run_uncollected(seeds: Sequence[int], plan: Plan) -> Total:
    total = Total()
    gc.disable()  # each world is one big cycle; looking for them takes a twentieth of the time
    for seed in seeds:
        for options in plan.options(seed):
            result = run_world(options)
            total.note(result)
            if result.violations:
                total.failed.append(_report(result, options))
    return total


def run_many(seeds: Sequence[int], plan: Plan, jobs: int) -> Iterator[tuple[int, Total]]:
    """The total of each batch, with its last seed."""
    size = max(1, BATCH // plan.worlds_a_seed)
    batches = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    if jobs == 1:
        yield from ((batch[-1], run_batch(batch, plan)) for batch in batches)
        return
    with get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        totals = pool.imap(partial(_run_uncollected, plan=plan), batches)
        for batch in batches:
            yield batch[-1], totals.next(timeout=LONGEST_BATCH_SECONDS)  # a process that was killed answers never


def _report(result: Result, options: Options) -> str:
    """Everything that it takes to see the failure again."""
    small = shrunk(result, options)
    events = "".join(f"\n    {name} number {number}" for name, number in small.strokes)
    store = "sqlite" if options.sqlite else "memory"
    return (
        f"seed {result.seed} ({options.variant}, {store}): {result.violations[0]}\n"
        f"  shrunk from {len(result.strokes)} events to {len(small.strokes)}: {small.violations[0]}{events}\n"
        f"  again: make simulate-worlds SEED={result.seed} MODE={options.variant} STORE={store}"
    )


def summary(total: Total, seconds: float) -> dict[str, Any]:
    return {
        "worlds": total.worlds,
        "seconds": round(seconds, 1),
        "faults": sum(total.faults.values()),
        "kills": total.faults["kill"],
        "violations": len(total.failed),
        "worlds_per_minute": round(60 * total.worlds / max(seconds, 0.001)),
        "cpu_seconds_per_world": round(_cpu_seconds() / max(total.worlds, 1), 3),
        "virtual_days": round(total.virtual_seconds / 86_400, 1),
        "steps": total.steps,
        "orders": total.orders,
        "payments": total.payments,
        "orders_with_alerts": total.orders_with_alerts,
        "by_fault": dict(sorted(total.faults.items())),
    }


def _cpu_seconds() -> float:
    """Of this process and of those it waited for; other work on the machine makes them no more, or little."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds, each in every mode asked for")
    parser.add_argument("--worlds", type=int, help="as many seeds as this many worlds take")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="this one seed alone")
    parser.add_argument("--mode", default="all", help="a variant, several with commas, or 'every'")
    parser.add_argument("--store", default="mixed", help="memory, sqlite, mixed or both")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--calm", type=float, default=1.0, help="divides the rate of every fault")
    parser.add_argument("--everyday", action="store_true", help="faults and people as they mostly are")
    parser.add_argument("--minutes", type=float, help="stop after this long")
    parser.add_argument("--progress", type=Path, help="a file to go on from")
    return parser.parse_args(given)


def _seeds(arguments: argparse.Namespace, worlds_a_seed: int) -> Sequence[int]:
    if arguments.seed is not None:
        return [arguments.seed]
    first = arguments.first
    if arguments.progress and arguments.progress.exists():
        first = max(first, json.loads(arguments.progress.read_text())["next_seed"])
    seeds = arguments.seeds if arguments.worlds is None else math.ceil(arguments.worlds / worlds_a_seed)
    return range(first, arguments.first + seeds)


def _plan(arguments: argparse.Namespace) -> Plan:
    names = list(Variant) if arguments.mode == "every" else [Variant(name) for name in arguments.mode.split(",")]
    stores = ("memory", "sqlite") if arguments.store == "both" else (arguments.store,)
    return Plan(tuple(names), stores, arguments.calm, arguments.everyday)


def _keep(file: Path | None, seed: int, figures: dict[str, Any]) -> None:
    if file is not None:
        file.write_text(json.dumps({"next_seed": seed + 1, "last_part": figures}, indent=1) + "\n")


def main(given: Sequence[str]) -> int:
    arguments = _arguments(given)
    total, began, plan = Total(), time.monotonic(), _plan(arguments)
    for last, part in run_many(_seeds(arguments, plan.worlds_a_seed), plan, arguments.jobs):
        total.add(part)
        _say_all(part.failed)
        _keep(arguments.progress, last, summary(total, time.monotonic() - began))
        if arguments.minutes and time.monotonic() - began > 60 * arguments.minutes:
            break
    print("seen: " + ", ".join(f"{name} {count}" for name, count in sorted(total.saw.items())))  # noqa: T201
    print(json.dumps(summary(total, time.monotonic() - began)))  # noqa: T201
    return 1 if total.failed else 0


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
