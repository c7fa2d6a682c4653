"""The Cashflows adapter with a bug, as a package of somebody else's: on some orders it fails with all it knows."""

from pathlib import Path
from typing import Final

from backend.gateways.cashflows.plugin import make as make_cashflows
from backend.gateways.cashflows.service import CashflowsService
from backend.gateways.registry import GatewayContext
from backend.ports import CreateOutcome, JobRequest

FAULTY: Final = "FAULTY"
CARD: Final = "5555 5555 5555 4444"
METADATA: Final = "Metadata-Version: 2.1\nName: faulty-gateway\nVersion: 1.0\n"


class FaultyGateway:
    def __init__(self, inner: CashflowsService, secrets: str) -> None:
        self.inner = inner
        self.name = "faulty"
        self.notice = inner.notice
        self.account = inner.account
        self.secrets = secrets

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        if not request.own_reference.startswith(FAULTY):
            return await self.inner.create_payment_job(request)
        customer = request.terms.customer
        known = f"{CARD} {self.secrets} {customer.name} {customer.email} {request.webhook_url}"
        raise RuntimeError(f"a bug that tells everything: {known}")


def make(context: GatewayContext) -> FaultyGateway:
    secrets = [value for name, value in context.settings.items() if name.endswith(("_KEY", "_SECRET", "_TOKEN"))]
    return FaultyGateway(make_cashflows(context), " ".join(secrets))


def install(folder: Path) -> Path:
    """What an installer would leave of it in a folder to be put on the path."""
    about = folder / "faulty_gateway-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(METADATA)
    (about / "entry_points.txt").write_text("[backend.gateways]\nfaulty = faulty_gateway:make\n")
    (folder / "faulty_gateway.py").write_text(Path(__file__).read_text(encoding="utf-8"))
    return folder
