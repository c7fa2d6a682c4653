"""Only a fact moves state: the type checker refuses a hint wherever one could, and lets the fact through there."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

PREAMBLE: Final = """
from backend.domain.events import EvidenceSetAside, PaymentObserved
from backend.domain.facts import Hint, JobSnapshot, PaymentFact, SignedFact
from backend.domain.learning import learn_job, learn_payment, objection
from backend.domain.model import Job, Order
from backend.domain.references import JobReference

def use(order: Order, job: Job, given: {kind}) -> None:
"""

USES: Final = {
    "learn_payment(order, job, given)": "PaymentFact",
    "objection(order, job, given)": "PaymentFact",
    "PaymentObserved(1, given)": "PaymentFact",
    'EvidenceSetAside(1, "code", "detail", given)': "PaymentFact",
    "SignedFact(given, None, None)": "PaymentFact",
    'JobSnapshot(JobReference("1"), None, True, (given,))': "PaymentFact",
    "learn_job(order, job, given)": "JobSnapshot",
}
"""Every way by which evidence gets into an order, and the only kind that it takes."""

KINDS: Final = ("Hint", "SignedFact", "PaymentFact", "JobSnapshot")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What strict mypy says of one module for each kind of evidence."""
    folder = tmp_path_factory.mktemp("typing")
    for kind in KINDS:
        body = "".join(f"    {use}\n" for use in USES)
        (folder / f"{kind}.py").write_text(PREAMBLE.format(kind=kind) + body)
    options = ["--strict", "--config-file=", f"--cache-dir={folder / 'cache'}"]
    found = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *(f"{kind}.py" for kind in KINDS)],
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert found.returncode == 1, found.stdout + found.stderr
    return [line for line in found.stdout.splitlines() if ": error: " in line]


@pytest.mark.parametrize("kind", KINDS)
def test_the_type_checker_lets_each_kind_of_evidence_through_where_it_belongs_and_nowhere_else(
    told: list[str], kind: str
) -> None:
    first = PREAMBLE.count("\n") + 1
    refused = {int(line.split(":")[1]) - first for line in told if line.startswith(f"{kind}.py:")}
    assert refused == {number for number, taken in enumerate(USES.values()) if taken != kind}


def test_it_has_nothing_else_to_say(told: list[str]) -> None:
    assert all(line.partition(".py:")[0] in KINDS and "incompatible type" in line for line in told), told
