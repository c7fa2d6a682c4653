"""Chance with a name: what may go wrong, how often in this world, and which strokes of it are left out.

Every fault class draws from a stream of its own, so leaving one stroke out leaves the others as they are as far as the
world allows. That is what makes a failing world shrink.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")
Stroke: TypeAlias = tuple[str, int]
"""A fault class, and which of its strokes in this world."""

RATES: Final[Mapping[str, float]] = {
    "kill": 1 / 60,  # for each step of a process
    "skew": 0.4,  # for each life
    "wire_refused": 0.12,  # from here on, for each message
    "wire_lost": 0.1,
    "wire_answer_lost": 0.15,
    "wire_late": 0.1,
    "wire_slow": 0.25,
    "store_away": 0.05,
    "store_answer_lost": 0.08,
    "store_late": 0.05,
    "store_slow": 0.08,
    "store_lost_race": 0.1,
    "store_half_done": 0.05,
    "lease_lost": 0.15,
    "webhook_lost": 0.2,
    "webhook_twice": 0.25,
    "webhook_late": 0.25,
    "webhook_answer_lost": 0.15,
    "shop_away": 0.2,
    "shop_answer_lost": 0.15,
    "customer_hangs_up": 0.1,
    "gateway_script": 0.5,  # for each order
    "other_money": 0.04,  # for each payment job
}
"""The most of each class that any world has, for each opportunity."""

OFF: Final = 0.3
"""How probable it is that a world has none of a class: redundant defences hide what is wrong with each other."""


class Chance:
    def __init__(self, seed: int, *, without: frozenset[Stroke] = frozenset(), calm: float = 1.0) -> None:
        """``without`` leaves strokes out; number 0 leaves the whole class out. ``calm`` divides every rate."""
        self.seed = seed
        self.strokes: list[Stroke] = []
        self.enabled = True
        self._without = without
        self._streams: dict[str, Random] = {}
        self._counts: Counter[str] = Counter()
        self.rates = {name: self._rate(name, most) / calm for name, most in RATES.items()}

    def stream(self, name: str) -> Random:
        """A stream of its own for whoever needs more than a yes or a no."""
        known = self._streams.get(name)
        if known is None:
            known = self._streams[name] = Random(f"{self.seed}/{name}")  # noqa: S311 - a simulation's
        return known

    def strikes(self, name: str) -> bool:
        """Whether the fault happens here and now."""
        rate = self.rates[name]
        if not rate or not self.enabled or self.stream(name).random() >= rate:
            return False
        return self.stroke(name)

    def stroke(self, name: str) -> bool:
        """Count one stroke; False if it is left out."""
        self._counts[name] += 1
        stroke = (name, self._counts[name])
        if stroke in self._without:
            return False
        self.strokes.append(stroke)
        return True

    def between(self, name: str, low: float, high: float) -> float:
        return low + (high - low) * self.stream(name).random()

    def pick(self, name: str, choices: Sequence[T]) -> T:
        return choices[int(self.stream(name).random() * len(choices))]

    def likely(self, name: str, probability: float) -> bool:
        """A choice of people, which is no fault and is never left out."""
        return self.stream(name).random() < probability

    def _rate(self, name: str, most: float) -> float:
        draw = Random(f"{self.seed}/rate/{name}")  # noqa: S311 - a simulation's
        off = draw.random() < OFF
        rate = most * 10 ** -draw.random()
        return 0.0 if off or (name, 0) in self._without else rate
