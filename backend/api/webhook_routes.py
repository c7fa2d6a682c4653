"""Where gateways post. The raw bytes are taken as they came: a signature covers them and nothing else."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from msgspec import json

from ..ports import WebhookNotConfigured, WebhookRejected, WebhookUnreadable
from ..service.webhooks import NoSuchGateway
from .context import Context
from .direct_route import DirectRoute, JsonAnswer
from .layers.body_limits import read_body
from .problem_docs import problems

router: Final = APIRouter(prefix="/api/webhooks", tags=["webhooks"], route_class=DirectRoute)

PROBLEMS: Final = problems(WebhookRejected, WebhookUnreadable, NoSuchGateway, 503, WebhookNotConfigured)


@router.post("/{gateway}", responses=PROBLEMS, response_model=dict[str, Any])
async def receive_webhook(gateway: str, request: Request, context: Context) -> Response:
    """Take in one delivery; the answer echoes its references, as the gateway expects, and says what became of it.

    Answered with 200 once it is stored, whatever it says; anything else has the gateway send it again.
    """
    return await _receive(gateway, request, context, None)


@router.post("/{gateway}/{token}", responses=PROBLEMS, response_model=dict[str, Any])
async def receive_webhook_of_a_job(gateway: str, token: str, request: Request, context: Context) -> Response:
    """Take in one delivery at the address that the gateway was given for one payment job.

    A token that this program did not make is refused; all else is as at the address without one.
    """
    return await _receive(gateway, request, context, token)


async def _receive(gateway: str, request: Request, context: Context, token: str | None) -> Response:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
    accepted = await context.webhooks.accept(gateway, headers, await read_body(request.receive), token)
    told = {**accepted.acknowledgement, "status": "received", "outcome": accepted.outcome}
    return JsonAnswer(json.encode(told))
