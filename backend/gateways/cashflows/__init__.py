"""The Cashflows gateway: ``service`` speaks to it, ``schemes`` and ``signing`` secure it, ``wire`` knows its shapes."""

from .schemes import HmacSha256, Scheme, Sha512
from .service import CashflowsService

__all__ = ["CashflowsService", "HmacSha256", "Scheme", "Sha512"]
