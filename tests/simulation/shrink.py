"""From a failing world to the few strokes of fate that it takes: whole classes are left out first, then single ones."""

from collections.abc import Iterable
from dataclasses import replace

from .chance import RATES, Stroke
from .world import Options, Result, run_world

MOST_TRIES = 120


def shrunk(failing: Result, options: Options) -> Result:
    """The smallest failing world that was found; the same invariant breaks in it."""
    broken = _invariant(failing)
    tries = MOST_TRIES
    best = failing

    def without(more: Iterable[Stroke]) -> bool:
        nonlocal best, options, tries
        tries -= 1
        tried = replace(options, without=options.without | frozenset(more))
        result = run_world(tried)
        if not result.violations or _invariant(result) != broken:
            return False
        best, options = result, tried
        return True

    for name in RATES:
        if best.faults[name] and tries > 0:
            without([(name, 0)])
    size = max(len(best.strokes) // 2, 1)
    while size and tries > 0:
        rest = list(best.strokes)
        parts = [rest[start : start + size] for start in range(0, len(rest), size)]
        if not any(tries > 0 and without(part) for part in parts):
            size //= 2
    return best


def _invariant(result: Result) -> str:
    return result.violations[0].partition(":")[0]
