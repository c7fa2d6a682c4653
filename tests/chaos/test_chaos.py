"""A short storm over each store: whatever struck, nothing is lost, nothing is doubled, nothing is left unresolved."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.mongodb_engine.engine import require_engine_or_skip

from .run import Outcome, Plan, chaos

SECONDS = 8.0

pytestmark = [pytest.mark.timeout(360), pytest.mark.xdist_group("chaos")]


def nothing_is_amiss(outcome: Outcome) -> None:
    assert outcome.clean, outcome.table()
    assert outcome.strokes, "nothing struck"
    last = json.loads(outcome.as_json())
    assert (last["lost"], last["doubled"], last["unresolved"]) == (0, 0, 0)
    kinds = outcome.findings.acknowledged
    assert all(kinds[kind] for kind in ("created", "paid", "told", "notified", "webhook")), dict(kinds)


def test_a_storm_over_sqlite_loses_and_doubles_nothing(tmp_path: Path) -> None:
    nothing_is_amiss(asyncio.run(chaos(Plan("sqlite", SECONDS, seed=3), tmp_path)))


def test_a_storm_over_mongodb_loses_and_doubles_nothing(tmp_path: Path) -> None:
    require_engine_or_skip()
    nothing_is_amiss(asyncio.run(chaos(Plan("mongo", SECONDS, seed=4), tmp_path)))
