"""Nothing acknowledged is lost by a death at any moment: ``crash.py`` in its short form."""

import subprocess
import sys
from pathlib import Path

from tests.mongodb_engine.engine import MongoEngine

from .crash import ROOT, Found, Plan, crash_mongo_engine, crash_mongo_writers, crash_sqlite

SHORT = Plan(kills=2, most_acknowledged=300)


def nothing_is_lost(found: Found) -> None:
    assert not found.lost, str(found)
    assert found.acknowledged >= SHORT.kills


def test_killed_writers_lose_nothing_in_sqlite(tmp_path: Path) -> None:
    nothing_is_lost(crash_sqlite(tmp_path / "orders.db", SHORT))


def test_killed_writers_lose_nothing_in_mongodb(mongodb_engine: MongoEngine) -> None:
    nothing_is_lost(crash_mongo_writers(mongodb_engine.url, SHORT))


def test_killed_engine_loses_nothing(mongodb_engine: MongoEngine) -> None:
    nothing_is_lost(crash_mongo_engine(mongodb_engine, SHORT))


def test_long_form_ends_well_where_nothing_is_lost() -> None:
    command = (sys.executable, "-m", "tests.contracts.crash", "--kills", "1")
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert " 0 lost" in done.stdout


def test_store_that_acknowledges_too_early_is_found(tmp_path: Path) -> None:
    """By one of the first kills as a rule; it ends with the one that shows it."""
    assert crash_sqlite(tmp_path / "orders.db", Plan(kills=60, most_acknowledged=300), kind="careless").lost
