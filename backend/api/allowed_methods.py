"""Which methods an address takes, for the ``Allow`` of a 405: the framework names those of its first route only."""

from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.routing import Route


def allowed_methods(request: Request) -> str:
    """Those of the routes that fit closest: an order may be called ``X/cancel``, but hardly anybody means that one."""
    found: dict[str, set[str]] = {}
    for context in iter_route_contexts(request.app.routes):
        route = context.original_route
        if isinstance(route, Route) and route.path_regex.match(request.scope["path"]):
            found.setdefault(route.path_format, set()).update(route.methods or ())
    return ", ".join(sorted(found[max(found, key=len)])) if found else ""
