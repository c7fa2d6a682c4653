"""Whether the process is alive, and whether it can do its work."""

from typing import Final

from fastapi import APIRouter

from .context import Context
from .problem_docs import problems

router: Final = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "alive"}


@router.get("/readyz", responses=problems(503))
async def ready(context: Context) -> dict[str, str]:
    """The store answers too. The gateway is not asked: its outage must not keep webhooks out."""
    await context.store.ping()
    return {"status": "ready", "mode": context.mode}
