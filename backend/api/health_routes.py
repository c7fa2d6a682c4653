"""Whether the process is alive, and whether it can do its work."""

from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..domain.terms import Mode
from .context import Context
from .problem_docs import problems


class Readiness(BaseModel):
    status: Literal["ready"] = "ready"
    mode: Mode
    gateways: dict[str, str] = Field(description="For each gateway: in use, or why no call is made at present.")


router: Final = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "alive"}


@router.get("/readyz", responses=problems(503))
async def ready(context: Context) -> Readiness:
    """The store answers too; and what is known of each gateway without asking it.

    A gateway that is down, or that we stopped calling, must not keep its webhooks out, so this stays a 200.
    """
    await context.store.ping()
    gateways = {name: gateway.refusal() or "in use" for name, gateway in context.gateways.items()}
    return Readiness(mode=context.mode, gateways=gateways)
