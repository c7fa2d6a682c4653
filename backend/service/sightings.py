"""Which hints the gateway was asked for since this process first saw them.

By this process's own count: the clocks of several differ, and one that said that it would ask may have died before the
answer. What it does not know, it asks again.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.model import OrderId
from ..domain.references import JobReference

K = TypeVar("K")

MOST_KEPT: Final = 10_000
"""Hints, and jobs that were asked about; of more the oldest are forgotten."""


class Sightings:
    def __init__(self) -> None:
        self._questions = 0
        self._seen: dict[tuple[DeliveryId, int], int] = {}
        self._answered: dict[tuple[OrderId, JobReference], int] = {}

    def see(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            key = (delivery.id, delivery.received)
            if delivery.attempts == 0:  # it is new, or was replayed
                self._seen.pop(key, None)
            if key not in self._seen:
                _keep(self._seen, key, self._questions)

    def ask(self) -> int:
        """The number of a question that is about to be asked."""
        self._questions += 1
        return self._questions

    def answer(self, order: OrderId, job: JobReference, question: int) -> None:
        _keep(self._answered, (order, job), max(question, self._answered.pop((order, job), 0)))

    def was_answered_since(self, delivery: Delivery, order: OrderId, job: JobReference) -> bool:
        """Whether the gateway told of the job in reply to a question from after the delivery was seen."""
        seen = self._seen.get((delivery.id, delivery.received))
        return seen is not None and self._answered.get((order, job), 0) > seen


def _keep(kept: dict[K, int], key: K, number: int) -> None:
    kept[key] = number
    if len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]
