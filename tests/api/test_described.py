"""Schemathesis finds no failure, whoever calls; more of it with ``make schemathesis``."""

import pytest

from backend.api.description import operations
from tests.program.conftest import host, project
from tests.program.host import Host

from .described.run import held_to_description
from .openapi_snapshot import application

__all__ = ["host", "project"]
"""The fixtures that are needed here too."""

PHASES = {
    "nobody": "examples,fuzzing",
    "customer": "examples,fuzzing,stateful",
    "operator": "coverage,fuzzing,stateful",
    "shop": "examples,fuzzing",
}
"""What fits into a run of everything; together they go through each phase with a caller that it matters for."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("caller", PHASES)
def test_the_program_does_what_its_description_says(host: Host, caller: str) -> None:
    verdict = held_to_description(host, caller, examples=5, phases=PHASES[caller])
    assert verdict.code == 0, verdict.told
    assert f"Tested: {len(list(operations(application().openapi())))}" in verdict.told
