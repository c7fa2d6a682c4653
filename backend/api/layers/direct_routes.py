"""Find the routes of what is asked most and call them, without the framework's way there, which takes longer.

They are found as the framework finds them: among all routes in their order, by pattern and method. Whatever else is
asked, another method or an address that none of them has, is left to it. Their errors are answered by the handlers that
the application has for them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..direct_route import DirectRoute

Handle = Callable[[Request], Awaitable[Response]]
Found = tuple[Route, Handle, Mapping[str, str]]


class DirectRoutes:
    """Plain ASGI and innermost; ``routes`` are those of the application, as it holds an address against them."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        known = [each for each in routes if isinstance(each, Route)]
        direct = [number for number, each in enumerate(known) if isinstance(each, DirectRoute) and each.is_direct]
        self._known: list[tuple[re.Pattern[str], frozenset[str], Route, Handle | None]] = [
            (each.path_regex, frozenset(each.methods or ()), each, _handle(each))
            for each in known[: max(direct, default=-1) + 1]
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" and not scope.get("root_path") else None
        if found is None:
            return await self._app(scope, receive, send)
        route, handle, params = found
        scope["route"], scope["endpoint"], scope["path_params"] = route, route.endpoint, params
        request = Request(scope, receive)
        try:
            response = await handle(request)
        except Exception as exc:
            answer = _answer_to(exc, scope["app"].exception_handlers)
            if answer is None:
                raise
            response = await answer(request, exc)
        return await response(scope, receive, send)

    def _find(self, scope: Scope) -> Found | None:
        path, method = scope["path"], scope["method"]
        for pattern, methods, route, handle in self._known:
            if method in methods and (match := pattern.match(path)) is not None:
                return None if handle is None else (route, handle, match.groupdict())
        return None


def _handle(route: Route) -> Handle | None:
    return route.get_route_handler() if isinstance(route, DirectRoute) and route.is_direct else None


def _answer_to(exc: Exception, handlers: Mapping[Any, Any]) -> Callable[..., Awaitable[Response]] | None:
    """What the framework would choose, but for what it would call unexpected."""
    kinds = (kind for kind in type(exc).__mro__ if kind is not Exception and kind in handlers)
    return handlers.get(next(kinds, None))
