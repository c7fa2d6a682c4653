"""How the shop's endpoint does: taking notifications, failing since when, or paused until an operator says otherwise.

An endpoint that takes nothing for days, or says that it is gone, is paused: what waits for it then waits without using
up its attempts, and people are told.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

PAUSE_AFTER: Final = timedelta(hours=60)
"""Shorter than the shortest time that a notification is tried for, so an outage has none given up."""


class EndpointHealth(Struct, frozen=True):
    """``failing_since`` is the first failure after which nothing was taken; ``why`` is what the last one met."""

    failing_since: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str = ""
    why: str = ""

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def is_failing(self) -> bool:
        return self.failing_since is not None


WELL: Final = EndpointHealth()


def after_success(health: EndpointHealth) -> EndpointHealth:
    """A paused one stays paused: what was on its way when it was paused proves nothing."""
    return health if health.is_paused else WELL


def after_failure(health: EndpointHealth, at: datetime, why: str, *, is_gone: bool) -> EndpointHealth:
    """Unchanged while it goes on failing, so that an outage costs no write for each attempt."""
    if health.is_paused:
        return health
    since = health.failing_since or at
    if is_gone or at >= since + PAUSE_AFTER:
        reason = "it says that it is gone" if is_gone else f"it has taken nothing since {since:%Y-%m-%d %H:%M} UTC"
        return paused(replace(health, failing_since=since), at, "rules", f"{reason}; last answer: {why}")
    return health if health.is_failing else EndpointHealth(failing_since=at, why=why)


def paused(health: EndpointHealth, at: datetime, by: str, why: str) -> EndpointHealth:
    return replace(health, paused_at=at, paused_by=by, why=why)
