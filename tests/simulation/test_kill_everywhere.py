"""kill -9 at every step: of a create, a payment, its webhook, a capture, a void, a refund and telling the shop.

A share by default; ``make kill-everywhere`` takes every step.
"""

import os
from dataclasses import replace
from typing import Final

import pytest

from .world import Options, options_for, run_world

CALM: Final = 1e9
SCENARIOS: Final = {3: "capture", 5: "refund", 7: "void", 32: "refund after refund"}
EVERY: Final = int(os.environ.get("KILL_EVERY", "41"))


def scenario(seed: int) -> Options:
    return replace(options_for(seed, calm=CALM), orders=1, processes=2)


@pytest.mark.parametrize("seed", SCENARIOS, ids=SCENARIOS.get)
@pytest.mark.timeout(3_600)
def test_death_at_any_step_keeps_every_promise(seed: int) -> None:
    whole = run_world(scenario(seed))
    assert not whole.violations
    assert whole.saw["operation succeeded by operator"], "the scenario is what it is called"
    assert whole.saw["status paid"] or whole.saw["status authorized"] or whole.saw["status partially_captured"]
    for step in range(1 + seed % EVERY, whole.steps_in_trouble + 1, EVERY):
        result = run_world(replace(scenario(seed), dies_at=step))
        assert not result.violations, f"killed at step {step} of {whole.steps_in_trouble}: {result.violations}"
