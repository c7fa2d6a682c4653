"""What ``pytest --gateway=NAME`` runs: the conformance checks on the gateway that the command line names."""

from importlib.metadata import entry_points

import pytest

from .harness import GatewayHarness
from .plugin import GROUP
from .suite import GatewayConformance


class TestGateway(GatewayConformance):
    @pytest.fixture(autouse=True)
    def _choose(self, gateway_harness_name: str) -> None:
        [self._point] = {point.value: point for point in entry_points(group=GROUP, name=gateway_harness_name)}.values()

    def make_harness(self) -> GatewayHarness:
        harness: GatewayHarness = self._point.load()()
        return harness
