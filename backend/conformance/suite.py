"""All checks as one class, for a gateway's own tests:

class TestAcme(GatewayConformance):
    def make_harness(self) -> GatewayHarness:
        return AcmeHarness()
"""

from .checks.creating import CreatingChecks
from .checks.lock_out import LockOutChecks
from .checks.making import MakingChecks
from .checks.operations import OperationChecks
from .checks.reading import ReadingChecks
from .checks.secrecy import SecrecyChecks
from .checks.webhooks import WebhookChecks


class GatewayConformance(
    MakingChecks, CreatingChecks, ReadingChecks, OperationChecks, WebhookChecks, SecrecyChecks, LockOutChecks
):
    """Everything that the services rely on; subclass it and give ``make_harness``."""
