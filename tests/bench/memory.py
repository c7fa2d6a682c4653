"""Does the program's memory stay flat? ``python -m tests.bench.memory [--payments 100000] [--store sqlite]``.

Payments are started, and as many others are paid by a signed webhook, in turns; after each round the resident memory of
the process is read. What it has once it is warm, after a tenth of all, is compared with what it has in the end.
"""

import argparse
import sys
from statistics import median
from typing import Final

import uvloop

from .load import Load
from .measured import Verdict
from .report import verdict_table
from .servers import STORES, Servers
from .traffic import creates, fill, webhooks

ROUNDS: Final = 200
AT_ONCE: Final = 16
MOST_MIB: Final = 90
MOST_GROWTH: Final = 1.05


async def resident(kind: str, payments: int) -> list[float]:
    """MiB after each round."""
    told = []
    with Servers() as servers:
        program = servers.program(servers.new_store(kind), servers.gateway(0))
        started, paid = creates(), webhooks(fill(program.store, payments + 2 * ROUNDS * AT_ONCE).references)
        for number in range(ROUNDS):
            for requests in (started, paid):
                answers = await Load(program.port, requests).at_once(AT_ONCE, 0, least=payments // ROUNDS)
                assert not answers.first_refused, answers.first_refused
            told.append(program.memory_mib())
            if number % 10 == 9:
                sys.stdout.write(f"{(number + 1) * payments // ROUNDS:>8,} payments: {told[-1]:.1f} MiB\n")
                sys.stdout.flush()
    return told


def verdicts(kind: str, payments: int, told: list[float]) -> list[Verdict]:
    warm, end = median(told[ROUNDS // 10 - 1 : ROUNDS // 10 + 2]), median(told[-3:])
    what = f"after {payments:,} payments"
    return [
        Verdict("6", kind, f"memory a worker {what}, MiB", end, most=MOST_MIB),
        Verdict("6", kind, f"memory {what}, times that after a tenth", end / warm, most=MOST_GROWTH),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--payments", type=int, default=100_000)
    parser.add_argument("--store", choices=STORES, default="sqlite")
    asked = parser.parse_args()
    told = uvloop.run(resident(asked.store, asked.payments))
    found = verdicts(asked.store, asked.payments, told)
    sys.stdout.write("\n".join(verdict_table(found)) + "\n")
    sys.exit(0 if all(each.holds for each in found) else 1)


if __name__ == "__main__":
    main()
