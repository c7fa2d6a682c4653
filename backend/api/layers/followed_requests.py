"""Follow every request: an id and a trace for its log lines, a line at its end, and its time for the metrics.

Plain ASGI, outermost, so that refusals of other layers are counted too, and an error that nobody expected is answered
here. The line names the route, never the address as it came, which may hold a token or a customer's reference.
"""

import logging
from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...domain.card_numbers import holds_card_number
from ...domain.roles import KEY_PREFIX
from ...following import Told, Tracer, followed, following_request
from ...observability.logs import TOKEN, TOLD
from ...observability.metrics import Metrics
from ..errors import unexpected
from ..scope_headers import header

log = logging.getLogger("backend.requests")

QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines; their success is told by nobody."""
CLIENT_LEFT: Final = 499
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class FollowedRequests:
    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer | None) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = CLIENT_LEFT, perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", now.request.encode())]
            await send(message)

        with following_request(_request_id(scope), header(scope, b"traceparent"), self._tracer) as now:
            try:
                await self._app(scope, receive, answer)
            except Exception as exc:
                log.exception("%s %s failed", _method(scope), _route(scope))
                exc.add_note(TOLD)
                if status == CLIENT_LEFT:  # what goes wrong in the framework's part, it has answered itself
                    await unexpected(scope["path"])(scope, receive, answer)
                status = 500
                raise
            finally:
                self._note(scope, status, perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        method = _method(scope)
        self._metrics.request(method, route, status, seconds)
        now = followed()
        if now.span is not None and route not in QUIET:
            about: Told = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            now.span.end(f"{method} {route}", {**about, **now.references}, failed=status >= 500)
        if (route not in QUIET or status >= 400) and log.isEnabledFor(logging.INFO):
            told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
            log.info("%s %s %s", method, route, status, extra={"told": told})


def _request_id(scope: Scope) -> str | None:
    """The caller's, unless it holds a card number or is an operator key or a token: it stands in every log line."""
    named = header(scope, b"x-request-id")
    if named is None or named.startswith(KEY_PREFIX) or TOKEN.search(named) or holds_card_number(named):
        return None
    return named


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else "other"


def _route(scope: Scope) -> str:
    """The route's pattern, or a fixed word: an address must not become a label."""
    route = scope.get("route")
    pattern = getattr(route, "path", None)
    return pattern if isinstance(pattern, str) and pattern else "(none)"
