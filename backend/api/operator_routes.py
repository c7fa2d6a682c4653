"""What operators do."""

import logging
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel

from ..service.webhooks import NoSuchGateway
from .auth import Admin
from .context import Context
from .problem_docs import problems

log = logging.getLogger(__name__)

router: Final = APIRouter(prefix="/api/operator", tags=["operator"])


class GatewayResumed(BaseModel):
    gateway: str
    refusal: str | None


@router.post("/gateways/{gateway}/resume", responses=problems(401, 403, 404))
async def resume_gateway(gateway: str, operator: Admin, context: Context) -> GatewayResumed:
    """Have this process call a gateway again that it stopped calling; the next refusal stops it again."""
    found = context.gateways.get(gateway)
    if found is None:
        raise NoSuchGateway(gateway)
    found.resume()
    log.warning("operator %s resumed calls to gateway %s", operator.user, gateway)
    return GatewayResumed(gateway=gateway, refusal=found.refusal())
