"""Make the Cashflows adapter from settings: the entry point ``cashflows`` in the group ``backend.gateways``."""

from typing import Final

from ...domain.terms import Mode
from ..registry import GatewayContext
from .schemes import HmacSha256, Scheme, Sha512
from .service import CashflowsService

PAGE_DOMAIN: Final = "cashflows.com"

SECRETS: Final = (
    "CASHFLOWS_API_KEY",
    "CASHFLOWS_API_KEY_PREVIOUS",
    "CASHFLOWS_API_SECRET",
    "CASHFLOWS_WEBHOOK_SECRET",
)


def make(context: GatewayContext) -> CashflowsService:
    """In mock mode the settings are a simulated account's; nothing else differs."""
    return CashflowsService(
        merchant_id=context.require("CASHFLOWS_MERCHANT_ID"),
        scheme=_scheme(context),
        gateway_url=context.require("CASHFLOWS_GATEWAY_URL"),
        http=context.http,
        is_configured=context.mode is not Mode.MOCK,
        page_domain=PAGE_DOMAIN if context.mode is Mode.PRODUCTION else None,
        secrets=[context.settings[name] for name in SECRETS if context.settings.get(name)],
    )


def _scheme(context: GatewayContext) -> Scheme:
    if context.require("CASHFLOWS_SCHEME") == "sha512":
        return Sha512(context.require("CASHFLOWS_API_KEY"), context.settings.get("CASHFLOWS_API_KEY_PREVIOUS"))
    return HmacSha256(context.require("CASHFLOWS_API_SECRET"), context.settings.get("CASHFLOWS_WEBHOOK_SECRET"))
