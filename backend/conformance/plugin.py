"""``pytest --gateway=NAME``: run the conformance checks on an installed gateway, found by its harness's entry point.

A package names its harness in the group ``backend.gateway_harnesses``: a class or function that takes nothing and
returns a fresh ``GatewayHarness``. Loaded by every run of pytest in the environment, so it imports next to nothing.
"""

from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

GROUP: Final = "backend.gateway_harnesses"
CHECKS: Final = Path(__file__).with_name("chosen.py")

pytest.register_assert_rewrite("backend.conformance.bench", "backend.conformance.checks")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--gateway",
        action="append",
        default=[],
        metavar="NAME",
        help="check this payment gateway against the conformance kit (again for more of them)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Without other arguments the checks are all that runs."""
    names = config.getoption("gateway")
    known = {point.name for point in entry_points(group=GROUP)}
    for name in names:
        if name not in known:
            offered = ", ".join(sorted(known)) or "none"
            raise pytest.UsageError(f"no harness named {name} is installed in group {GROUP}; there are: {offered}")
    if names and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = [str(CHECKS)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "gateway_harness_name" in metafunc.fixturenames:
        metafunc.parametrize("gateway_harness_name", metafunc.config.getoption("gateway"))
