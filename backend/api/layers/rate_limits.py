"""429 for whoever asks too often: a limit for each user and one for each client address, over all processes.

- The shop's server (role ``service``) is not limited: it asks for all customers together.
- An address is the client's as a trusted proxy names it (``TRUSTED_PROXIES``), an IPv6 one with its /64 neighbours,
  which are one customer's. The machine's own addresses are not limited: a proxy here that names no client would make
  everybody one.
- Webhooks have a rule of their own against floods, far above what a gateway sends. What it refuses comes again: the
  gateway repeats a delivery until it is acknowledged, and every open order is looked at without one.
- Whether the process is alive and ready may always be asked.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...domain.roles import Role
from ...service.rate_limits import WINDOW_SECONDS, RateLimits, Refusal, Rule
from ..auth import caller_of
from ..context import ApiContext
from ..errors import Problem, problem_response

log = logging.getLogger(__name__)

LIMITED: Final = "/api/"
WEBHOOKS: Final = "/api/webhooks/"
WHOSE: Final = {"user": "user", "address": "address", "webhooks": "address"}
TOO_MANY: Final = Problem(429, "too-many-requests", "Too many requests", WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a minute; 0 is no limit."""

    user: int
    address: int
    webhooks: int


class RateLimited:
    """Plain ASGI; costs two look-ups in memory for most requests."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._user = Rule("user", limits.user)
        self._address = Rule("address", limits.address)
        self._webhooks = Rule("webhooks", limits.webhooks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_limited(scope["path"]):
            refusal = await self._check(scope)
            if refusal is not None:
                return await _response(refusal, scope["path"])(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _check(self, scope: Scope) -> Refusal | None:
        context: ApiContext = scope["app"].state.context
        rates: RateLimits = context.rates
        address = client_address(scope["client"][0]) if scope.get("client") else None
        if scope["path"].startswith(WEBHOOKS):
            return None if address is None else await rates.take(self._webhooks, address)
        caller = caller_of(scope) if self._user.limit or self._address.limit else None
        if caller is not None and caller.role is Role.SERVICE:
            return None
        refusal = None if address is None else await rates.take(self._address, address)
        if refusal is not None:
            _hint_at_proxy(scope["client"][0])
        if refusal is None and caller is not None:
            refusal = await rates.take(self._user, f"{caller.kind} {caller.user}")
        return refusal


def is_limited(path: str) -> bool:
    return path.startswith(LIMITED)


@lru_cache(maxsize=4096)
def client_address(host: str) -> str | None:
    """Whom to count requests under; None for this machine itself."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:100]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return None
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


@lru_cache(maxsize=64)
def _hint_at_proxy(host: str) -> None:
    """Once for each: a private address that asks that often is a proxy's, and behind it is everybody."""
    try:
        is_private = ip_address(host).is_private
    except ValueError:
        return
    if is_private:
        log.warning("requests from %s are limited as one client's; if it is a proxy, add it to TRUSTED_PROXIES", host)


def _response(refusal: Refusal, path: str) -> Response:
    """With the fields of draft-ietf-httpapi-ratelimit-headers-10."""
    rule, seconds = refusal.rule, refusal.retry_after_seconds
    detail = f"more than {rule.limit} requests a minute from one {WHOSE[rule.name]}; try again in {seconds} seconds"
    response = problem_response(TOO_MANY, detail, path)
    response.headers["Retry-After"] = str(seconds)
    response.headers["RateLimit-Policy"] = f'"{rule.name}";q={rule.limit};w={WINDOW_SECONDS}'
    response.headers["RateLimit"] = f'"{rule.name}";r=0;t={seconds}'
    return response
