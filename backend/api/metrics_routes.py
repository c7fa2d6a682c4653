"""Metrics for Prometheus: for whoever has METRICS_TOKEN, or, without one, for callers on this machine alone."""

import hmac
from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request, Response

from ..observability.metrics import MEDIA_TYPE
from .context import Context
from .errors import MetricsNotAllowed

router: Final = APIRouter()

PASSED_ON: Final = ("x-forwarded-for", "forwarded", "x-real-ip")
"""A proxy's marks: whoever is behind it is not on this machine."""


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, context: Context) -> Response:
    """In Prometheus' text format; counters are of this process, gauges of all."""
    if not _may_read(request, context.metrics_token):
        raise MetricsNotAllowed
    unknown = context.guard.unknown_statuses.by_gateway(context.gateways)
    told = await context.metrics.scrape(context.store, context.mode, context.gateways, unknown, context.clock.now())
    return Response(told, media_type=MEDIA_TYPE)


def _may_read(request: Request, token: str | None) -> bool:
    if token is not None:
        presented = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(presented, f"Bearer {token}".encode())
    direct = not any(name in request.headers for name in PASSED_ON)
    return direct and request.client is not None and _is_local(request.client.host)


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
