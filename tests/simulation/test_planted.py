"""The worlds bite: each fault that is planted in the program is found by some invariant."""

from pathlib import Path

import pytest

from .planted import PLANTED, Planted
from .shrink import shrunk
from .world import Variant, run_world

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"


def row(planted: Planted) -> str:
    """As the page has it: the fault, the world that finds it, and the invariant that it breaks there."""
    with planted.plant():
        violations = run_world(planted.options(planted.seed)).violations
    assert violations, f"{planted.name}: not in world {planted.seed}; find another one"
    assert "TypeError" not in "".join(violations), "the program has changed, and the fault does not fit it any more"
    variant = "" if planted.variant is Variant.ALL_ON else f" (`{planted.variant}`)"
    return f"| {planted.name} | {planted.seed:,}{variant} | {violations[0].partition(':')[0]} |"


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name.replace(" ", "-"))
def test_each_planted_fault_is_found(planted: Planted) -> None:
    assert row(planted) in PAGE.read_text(encoding="utf-8").splitlines()


def test_a_failing_world_shrinks_to_fewer_events() -> None:
    planted = next(each for each in PLANTED if each.name == "every change sent again after no answer")
    with planted.plant():
        options = planted.options(planted.seed)
        whole = run_world(options)
        small = shrunk(whole, options)
    assert small.violations
    assert small.violations[0].partition(":")[0] == whole.violations[0].partition(":")[0]
    assert 0 < len(small.strokes) < len(whole.strokes)
