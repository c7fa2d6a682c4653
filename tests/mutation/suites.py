"""What is changed, and the tests that should notice: those of its own folder first; wider ones of what these miss.

Not those that start other programs, which would not be the changed one, nor those that look at how the code is written,
which mutmut rewrites.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

API: Final = (
    "tests/api/operator",
    "tests/api/test_create_payment.py",
    "tests/api/test_customer.py",
    "tests/api/test_idempotency.py",
    "tests/api/test_registered_orders.py",
    "tests/api/test_webhooks.py",
)


@dataclass(frozen=True)
class Suite:
    changed: str
    smallest: str
    """Something to try, so that mutmut makes all its changes, which are then drawn from."""
    own: tuple[str, ...]
    wider: tuple[str, ...]
    without: tuple[str, ...] = ()

    def settings(self, *, wider: bool) -> str:
        """For mutmut, as they stand in a pyproject.toml."""
        return _SETTINGS.format(
            changed=self.changed,
            tests=", ".join(f'"{path}"' for path in (self.wider if wider else self.own)),
            without="".join(f', "--ignore={path}"' for path in self.without),
        )


_SETTINGS: Final = """
[tool.mutmut]
source_paths = ["backend"]
only_mutate = ["{changed}"]
also_copy = ["examples", "docs", "deploy", ".env.example", "README.md"]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "tests.mutation.quick_first"{without}]
process_isolation = "forkserver"
use_git_change_detection = false
track_dependencies = false
"""

SUITES: Final[Mapping[str, Suite]] = {
    "domain": Suite(
        "backend/domain/*",
        "backend.domain.delays.*__mutmut_1",
        own=("tests/domain",),
        wider=("tests/service", *API),
        without=("tests/domain/test_facts_and_hints.py",),
    ),
    "service": Suite(
        "backend/service/*",
        "backend.service.sweeping.*__mutmut_1",
        own=("tests/service",),
        wider=API,
    ),
    "cashflows": Suite(
        "backend/gateways/cashflows/*",
        "backend.gateways.cashflows.signing.*__mutmut_1",
        own=("tests/gateways",),
        wider=("tests/service", *API),
        without=(
            "tests/gateways/test_tls.py",
            "tests/gateways/test_conformance.py",
            "tests/gateways/test_conformance_on_sockets.py",
            "tests/gateways/test_http_on_sockets.py",
        ),
    ),
    "simulator": Suite(
        "backend/simulator/*",
        "backend.simulator.money.*__mutmut_1",
        own=("tests/simulator",),
        wider=("tests/gateways/test_conformance.py", "tests/service", *API),
        without=(
            "tests/simulator/test_program.py",
            "tests/simulator/test_foreign_clients.py",
            "tests/simulator/test_independence.py",
        ),
    ),
}
