"""One world again, told write by write: ``python -m tests.simulation.trace 57 --mode no-reconcile --store memory``.

Each line has the world's second, the order, its version, who wrote and what happened; pages handed out come between.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Final

from backend.domain.model import Order
from backend.service.start_payment import StartedPayment

from .invariants import Invariants
from .world import Variant, World, options_for, run_world

LEFT_OUT: Final = frozenset({"terms", "seals"})


class TracedWorld(World):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.invariants = _TracedInvariants(self)


class _TracedInvariants(Invariants):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._told: dict[str, int] = {}

    def order_written(self, order: Order) -> None:
        told = self._told.get(order.id, 0)
        for entry in order.history[told:]:
            event = entry.event
            names = [name for name in event.__struct_fields__ if name not in LEFT_OUT]
            about = ", ".join(f"{name}={getattr(event, name)}" for name in names)
            self._say(order, f"{entry.actor}: {event.kind}({about}) -> {entry.after}")
        self._told[order.id] = len(order.history)
        super().order_written(order)

    async def page_handed_out(self, started: StartedPayment) -> None:
        self._say(started.order, f"the customer gets the page of {started.job_reference}")
        await super().page_handed_out(started)

    def _say(self, order: Order, what: str) -> None:
        print(f"{self._world.loop.time():10.2f} {order.id} v{order.version} {what}")  # noqa: T201 - its whole purpose


def main(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--mode", default=Variant.ALL_ON, type=Variant)
    parser.add_argument("--store", default="memory", choices=("memory", "sqlite"))
    asked = parser.parse_args(given)
    result = run_world(options_for(asked.seed, asked.mode, sqlite=asked.store == "sqlite"), TracedWorld)
    print(*(result.violations or ["no violation"]), sep="\n")  # noqa: T201
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
