"""Contestants take turns, so that what else the machine does falls on all of them alike; then medians are compared."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final, TypeAlias

from .load import Answers, Load, Requests
from .servers import Server

WARM_UP_SECONDS: Final = 0.3

Stretching: TypeAlias = Callable[[Load], Awaitable[Answers]]


@dataclass(frozen=True, slots=True)
class Contestant:
    name: str
    server: Server
    requests: Callable[[], Requests]
    """What it is asked; a new stream for each stretch."""
    before: Callable[[], Awaitable[None]] | None = None
    """Done before each stretch, and not measured."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One contestant under one load for a while."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """Processor time a request."""


@dataclass(slots=True)
class Round:
    """All stretches under one load, by contestant, in the order in which they were run."""

    scenario: str
    store: str
    load: str
    stretches: dict[str, list[Stretch]] = field(default_factory=dict)

    def median(self, name: str, of: Callable[[Stretch], float]) -> float:
        return median(map(of, self.stretches[name]))

    def ratio(self, name: str, to: str, of: Callable[[Stretch], float]) -> float:
        """The median of the ratios between neighbours: what disturbs one of a pair mostly disturbs the other."""
        pairs = zip(self.stretches[name], self.stretches[to], strict=True)
        return median(of(mine) / of(other) for mine, other in pairs)


async def at_once(
    scenario: str, contestants: Sequence[Contestant], concurrency: int, *, seconds: float, repeats: int, least: int = 0
) -> Round:
    """With ``concurrency`` requests always under way: throughput. Goes on until there are ``least`` answers."""

    async def stretch(load: Load) -> Answers:
        return await load.at_once(concurrency, seconds, least=least)

    return await _take_turns(scenario, f"{concurrency} at once", contestants, stretch, repeats)


async def at_rate(
    scenario: str, contestants: Sequence[Contestant], rate: float, *, seconds: float, repeats: int
) -> Round:
    """At a rate that all of them can stand: how long one waits."""

    async def stretch(load: Load) -> Answers:
        return await load.at_rate(rate, seconds)

    return await _take_turns(scenario, f"{rate:.0f} a second", contestants, stretch, repeats)


async def warm_up(contestants: Sequence[Contestant]) -> None:
    for each in contestants:
        await _run(each, lambda load: load.at_once(4, WARM_UP_SECONDS))


async def _take_turns(
    scenario: str, load: str, contestants: Sequence[Contestant], stretch: Stretching, repeats: int
) -> Round:
    done = Round(scenario, contestants[0].server.store.kind, load, {each.name: [] for each in contestants})
    for number in range(repeats):
        for each in contestants if number % 2 == 0 else reversed(contestants):
            done.stretches[each.name].append(await _run(each, stretch))
    return done


async def _run(contestant: Contestant, stretch: Stretching) -> Stretch:
    if contestant.before is not None:
        await contestant.before()
    before = contestant.server.cpu_seconds()
    try:
        answers = await stretch(Load(contestant.server.port, contestant.requests()))
    except (OSError, TimeoutError) as exc:
        raise RuntimeError(f"{contestant.name}: {exc}\n{contestant.server.process.logs}") from exc
    spent = contestant.server.cpu_seconds() - before
    refused = sum(answers.statuses.values()) - answers.good
    assert not refused, f"{contestant.name} refused {answers.statuses}: {answers.first_refused!r}"
    assert answers.good, f"{contestant.name} answered nothing\n{contestant.server.process.logs}"
    return Stretch(
        per_second=answers.per_second,
        p50_ms=answers.percentile(0.5),
        p99_ms=answers.percentile(0.99),
        cpu_ms=1000 * spent / answers.finished,
    )
