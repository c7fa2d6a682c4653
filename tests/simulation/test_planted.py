"""The worlds bite: each fault that is planted in the program is found by some invariant."""

from pathlib import Path

import pytest

from .planted import PLANTED, Planted
from .shrink import shrunk
from .world import run_world

MOST_SEEDS = 60
PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"


def found(planted: Planted) -> bool:
    """By the world that found it last, or by another if the program has changed since."""
    with planted.plant():
        seeds = [planted.seed, *range(1, MOST_SEEDS)]
        violations = next((found for seed in seeds if (found := run_world(planted.options(seed)).violations)), [])
    assert "TypeError" not in "".join(violations), "the program has changed, and the fault does not fit it any more"
    return bool(violations)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name.replace(" ", "-"))
def test_each_planted_fault_is_found(planted: Planted) -> None:
    assert found(planted), f"{planted.name}: not in {MOST_SEEDS} worlds"


def test_the_page_lists_every_planted_fault() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [planted.name for planted in PLANTED if f"| {planted.name} |" not in text] == []


def test_a_failing_world_shrinks_to_fewer_events() -> None:
    planted = next(each for each in PLANTED if each.name == "every change sent again after no answer")
    with planted.plant():
        options = planted.options(planted.seed)
        whole = run_world(options)
        small = shrunk(whole, options)
    assert small.violations
    assert small.violations[0].partition(":")[0] == whole.violations[0].partition(":")[0]
    assert 0 < len(small.strokes) < len(whole.strokes)
