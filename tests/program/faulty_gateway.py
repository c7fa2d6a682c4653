"""The Cashflows adapter with bugs, as a package of somebody else's: on some orders it fails with all it knows.

With LEAKS set it does what no adapter may: it prints its secrets, and answers webhooks with them.
"""

import sys
from collections.abc import Mapping
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
    def __init__(self, inner: CashflowsService, secrets: str, *, leaks: bool) -> None:
        self.inner = inner
        self.name = "faulty"
        self.notice = inner.notice
        self.account = inner.account
        self.secrets = secrets
        self.leaks = leaks

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        if not request.own_reference.startswith(FAULTY):
            return await self.inner.create_payment_job(request)
        customer = request.terms.customer
        known = f"{CARD} {self.secrets} {customer.name} {customer.email} {request.webhook_url}"
        raise RuntimeError(f"a bug that tells everything: {known}")

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        if FAULTY.encode() in body:
            raise RuntimeError(f"a bug that tells everything: {self.secrets} {CARD} {headers} {body!r}")
        self.inner.verify_webhook(headers, body)

    def acknowledgement(self, body: bytes) -> Mapping[str, str]:
        if not self.leaks:
            return self.inner.acknowledgement(body)
        sys.stderr.write(self.secrets)
        return {"leaked": self.secrets}


def make(context: GatewayContext) -> FaultyGateway:
    secrets = [value for name, value in context.settings.items() if name.endswith(("_KEY", "_SECRET", "_TOKEN"))]
    return FaultyGateway(make_cashflows(context), " ".join(secrets), leaks="LEAKS" in context.settings)


def install(folder: Path) -> Path:
    """What an installer would leave of it in a folder to be put on the path."""
    about = folder / "faulty_gateway-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(METADATA)
    (about / "entry_points.txt").write_text("[backend.gateways]\nfaulty = faulty_gateway:make\n")
    (folder / "faulty_gateway.py").write_text(Path(__file__).read_text(encoding="utf-8"))
    return folder
