"""Refused credentials of one gateway account, counted over every process that uses it.

Gateways lock an account on repeated bad signatures, and after how many is seldom published. So after two refusals in a
row nobody calls any more. Only an operator opens it again; other credentials are another account, counted by itself.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

MOST_REFUSALS: Final = 2


class LockOut(Struct, frozen=True):
    """``resumed`` counts how often an operator opened it, so that every process notices each time."""

    refusals: int = 0
    refused_at: datetime | None = None
    resumed: int = 0
    resumed_by: str = ""

    @property
    def is_closed(self) -> bool:
        return self.refusals >= MOST_REFUSALS


def refused(state: LockOut, times: int, at: datetime, *, closes: bool = False) -> LockOut:
    """``closes``: whoever was refused has stopped already, so all do."""
    refusals = state.refusals + times
    return replace(state, refusals=max(refusals, MOST_REFUSALS) if closes else refusals, refused_at=at)


def answered(state: LockOut) -> LockOut:
    """The gateway took the credentials. One that is closed stays so: the answer may be older than the refusals."""
    return state if state.is_closed else replace(state, refusals=0)


def resumed(state: LockOut, by: str) -> LockOut:
    """Open, for one more try: the next refusal closes it again."""
    refusals = min(state.refusals, MOST_REFUSALS - 1)
    return replace(state, refusals=refusals, resumed=state.resumed + 1, resumed_by=by)
