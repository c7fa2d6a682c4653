"""Whether the process is alive, and whether it can do its work."""

from datetime import datetime, timedelta
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..domain.searching import Lag
from ..domain.terms import Mode
from .context import Context
from .problem_docs import problems


class Readiness(BaseModel):
    status: Literal["ready"] = "ready"
    mode: Mode
    gateways: dict[str, str] = Field(description="For each gateway: in use, or why no call is made at present.")
    worker: str = Field(description="Whether the background work keeps up, or for how long the oldest has been due.")


BEHIND_AFTER: Final = timedelta(minutes=2)
"""Work that is taken may wait this long for whoever took it to be taken for dead."""

router: Final = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "alive"}


@router.get("/readyz", responses=problems(503))
async def ready(context: Context) -> Readiness:
    """The store answers too; and what is known of each gateway without asking it, and of the background work.

    A gateway that is down, or that we stopped calling, and work that is behind must not keep webhooks out, so with them
    this stays a 200.
    """
    await context.store.ping()
    lag = await context.store.lag(context.mode)
    gateways = {name: gateway.refusal() or "in use" for name, gateway in context.gateways.items()}
    return Readiness(mode=context.mode, gateways=gateways, worker=_worker(lag, context.clock.now()))


def _worker(lag: Lag, now: datetime) -> str:
    due = [at for at in (lag.look_at, lag.notice_at, lag.delivery_at) if at is not None]
    behind = max((now - at for at in due), default=timedelta())
    return (
        "keeps up"
        if behind < BEHIND_AFTER
        else f"is behind: the oldest work was due {behind.total_seconds():.0f} s ago"
    )
