"""Stop calling before the gateway locks the account.

Gateways lock an account on repeated bad signatures; after how many is seldom published. So after two refusals of our
credentials in a row no call is made any more, until an operator says so or the program starts anew with other settings.
Each process counts for itself here; ``service/gateway_guard.py`` counts for all of them together.
"""

import logging
from typing import Final

from ..domain.lock_out import MOST_REFUSALS

log = logging.getLogger(__name__)

AUTHENTICATION: Final = frozenset({401, 403})


class LockOutGuard:
    """``advice`` names the settings to check."""

    def __init__(self, gateway: str, advice: str) -> None:
        self.gateway = gateway
        self._refused_reason = (
            f"{gateway} refused our credentials twice in a row, so no further call is made, lest it lock the account: "
            f"check {advice}, then resume"
        )
        self.refusals = 0
        self._told: str | None = None

    @property
    def reason(self) -> str | None:
        return self._refused_reason if self.refusals >= MOST_REFUSALS else self._told

    def suspend(self, reason: str) -> None:
        """Stop the calls because another process was refused."""
        self._told = reason

    def note(self, status: int) -> None:
        """Count a reply; any that is no authentication refusal shows that the account works."""
        if status not in AUTHENTICATION:
            self.refusals = 0
            return
        self.refusals += 1
        if self.refusals == MOST_REFUSALS:
            log.error(self._refused_reason)

    def resume(self) -> None:
        """Allow one more try: the next refusal stops the calls again."""
        self._told = None
        self.refusals = min(self.refusals, MOST_REFUSALS - 1)
