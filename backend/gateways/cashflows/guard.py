"""Stop calling before Cashflows locks the account.

Cashflows locks an account on repeated bad hashes; how many is not published (developer pages, as digested by a third
party). So after two refusals of our credentials in a row no call is made any more, until an operator says so or the
program starts anew with other settings. Each process counts for itself; ``service/gateway_guard.py`` tells the others.
"""

import logging
from typing import Final

log = logging.getLogger(__name__)

MOST_REFUSALS: Final = 2
AUTHENTICATION: Final = frozenset({401, 403})

REASON: Final = (
    "Cashflows refused our credentials twice in a row, so no further call is made, lest it lock the account: check "
    "CASHFLOWS_MERCHANT_ID, CASHFLOWS_API_KEY, CASHFLOWS_API_SECRET and CASHFLOWS_SCHEME, then resume"
)


class LockOutGuard:
    def __init__(self) -> None:
        self._refusals = 0
        self._told: str | None = None

    @property
    def reason(self) -> str | None:
        return REASON if self._refusals >= MOST_REFUSALS else self._told

    def suspend(self, reason: str) -> None:
        """Stop the calls because another process was refused."""
        self._told = reason

    def note(self, status: int) -> None:
        """Count a reply; any that is no authentication refusal shows that the account works."""
        if status not in AUTHENTICATION:
            self._refusals = 0
            return
        self._refusals += 1
        if self._refusals == MOST_REFUSALS:
            log.error(REASON)

    def resume(self) -> None:
        """Allow one more try: the next refusal stops the calls again."""
        self._told = None
        self._refusals = min(self._refusals, MOST_REFUSALS - 1)
