"""A share of the steps at which a process may die; ``make kill-everywhere`` takes every one, on both stores."""

from typing import Final

import pytest

from .kill_everywhere import SCENARIOS, STEPS_OF, deaths, reached, scenario
from .world import run_world

EVERY: Final = 41


@pytest.mark.parametrize("seed", SCENARIOS, ids=SCENARIOS.get)
def test_death_at_any_step_keeps_every_promise(seed: int) -> None:
    whole = run_world(scenario(seed))
    assert not whole.violations
    assert whole.saw["operation succeeded by operator"], "the scenario is what it is called"
    assert whole.saw["status paid"] or whole.saw["status authorized"] or whole.saw["status partially_captured"]
    assert not deaths(scenario(seed), range(1 + seed % EVERY, whole.steps_in_trouble + 1, EVERY))


@pytest.mark.parametrize("sqlite", [False, True], ids=["memory", "sqlite"])
def test_the_scenarios_reach_everything_that_a_process_may_die_in(sqlite: bool) -> None:
    assert reached(sqlite=sqlite) == set(STEPS_OF)
