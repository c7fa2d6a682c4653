"""Run the benchmark: ``python -m tests.bench [--quick] [--publish]``. See docs/speed.md."""

import argparse
import asyncio
import sys
import time

import uvloop

from .goals import FULL, QUICK, Effort, contests, start_and_memory
from .measured import Measured
from .report import publish, save, table, verdict_table
from .servers import STORES, Servers


async def measure(effort: Effort, stores: tuple[str, ...]) -> Measured:
    everything = Measured()
    with Servers() as servers:
        try:
            async with asyncio.timeout(effort.budget_seconds):
                async for part in contests(servers, effort, stores):
                    _add(everything, part)
                _add(everything, start_and_memory(servers, effort, stores))
        except TimeoutError:
            say(f"out of time after {effort.budget_seconds:g} s: the rest was not measured; is the machine busy?")
    return everything


def _add(everything: Measured, part: Measured) -> None:
    everything.rounds += part.rounds
    everything.verdicts += part.verdicts
    say("\n".join(list(verdict_table(part.verdicts))[2:]))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer loads, shorter, no sustained load")
    parser.add_argument("--publish", action="store_true", help="put the table and the picture into docs/bench/")
    parser.add_argument("--store", choices=STORES, action="append", help="only this one")
    asked = parser.parse_args()
    began = time.monotonic()
    measured = uvloop.run(measure(QUICK if asked.quick else FULL, tuple(asked.store or STORES)))
    save(measured)
    if asked.publish:
        publish(measured)
    say(f"\n{table(measured)}\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
