"""A share of the worlds, small enough for every run of the tests; ``make simulate-worlds`` runs as many as wanted."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from .run import Plan, Total, main, run_batch
from .trace import TracedWorld
from .world import Variant, options_for, run_world

MEMORY, SQLITE = ("memory",), ("sqlite",)
CALM = 1e9

SOMETIMES = {
    "answer_too_late": "a reply came after its asker had given up",
    "lost_race": "a write lost its race",
    "job_lost": "a job may exist, and nobody holds its page",
    "job_recognised": "such a job was recognised later",
    "job_superseded": "a page was ended to make room for another",
    "job_reopened": "a voided payment's page could be paid again",
    "operation unknown by operator": "an operation's outcome stayed open",
    "operation succeeded by reconcile": "it was settled by the gateway's account",
    "operation_not_sent": "a permission to send was given back",
    "attention_raised": "a person was called",
    "status paid": "an order was paid",
    "status refunded": "an order was refunded",
    "status authorized": "an order was authorized",
}


TOGETHER = pytest.mark.xdist_group("worlds")
"""They look at the same worlds, which are run once."""


@pytest.fixture(scope="module")
def share() -> Total:
    return run_batch(range(1, 81), Plan((Variant.ALL_ON,), MEMORY))


@TOGETHER
def test_no_world_breaks_an_invariant(share: Total) -> None:
    assert not share.failed, "\n".join(share.failed)


@TOGETHER
@pytest.mark.parametrize("path", SOMETIMES)
def test_the_hard_paths_are_reached(path: str, share: Total) -> None:
    assert share.saw[path], f"never in {share.worlds} worlds: {SOMETIMES[path]}"


@TOGETHER
def test_every_kind_of_fault_strikes(share: Total) -> None:
    ours = Counter(share.faults)
    assert {name for name, count in ours.items() if count} >= {"kill", "skew", "wire_late", "store_late", "lease_lost"}


@pytest.mark.parametrize("variant", [Variant.NO_WEBHOOKS, Variant.NO_RECONCILE, Variant.NO_RETRIES])
def test_each_defence_holds_without_the_others(variant: Variant) -> None:
    total = run_batch(range(1, 13), Plan((variant,), MEMORY))
    assert not total.failed, "\n".join(total.failed)


def test_the_same_holds_on_sqlite() -> None:
    total = run_batch(range(1, 9), Plan((Variant.ALL_ON,), SQLITE))
    assert not total.failed, "\n".join(total.failed)


def test_without_faults_nobody_is_alarmed() -> None:
    for seed in range(1, 11):
        result = run_world(options_for(seed, calm=CALM))
        assert not result.violations
        assert not result.orders_with_alerts
        assert not result.strokes


def test_on_an_everyday_hardly_anybody_is_called() -> None:
    total = run_batch(range(1, 13), Plan((Variant.ALL_ON,), MEMORY, everyday=True))
    assert not total.failed, "\n".join(total.failed)
    assert total.faults.total() > 50
    assert total.payments > 120
    assert total.orders_with_alerts <= 1, "docs/simulation.md has the share of a larger run"


def test_a_seed_is_one_world_whatever_the_interpreter_hashes_by() -> None:
    code = (
        "from tests.simulation.world import *\nprint(*(run_world(options_for(seed)).digest for seed in range(40, 46)))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, stdout=subprocess.PIPE
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {" ".join(run_world(options_for(seed)).digest for seed in range(40, 46)).encode() + b"\n"}


def test_a_world_that_is_traced_goes_the_same_way_and_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    options = options_for(7)
    traced = run_world(options, TracedWorld)
    told = capsys.readouterr().out
    assert traced.digest == run_world(options).digest
    assert told.count("order_placed(") == traced.orders
    pages = {line.rpartition(" ")[2] for line in told.splitlines() if "the customer gets the page of" in line}
    assert told.count("job_opened(") == len(pages) > 0


def test_the_program_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "7", "--jobs", "1"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    for word in ("worlds", "seconds", "faults", "kills", "violations"):
        assert f'"{word}"' in last
