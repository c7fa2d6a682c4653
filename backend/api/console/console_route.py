"""Routes whose errors are pages: people, not programs, come here."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from ..context import ApiContext
from ..errors import PROBLEMS, problem_of, told_of
from .entry import FormNotOurs, SignInFirst, cookie_name, sign_in_address
from .pages import page

KNOWN = tuple(PROBLEMS)


class ConsoleRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except SignInFirst as exc:
                return RedirectResponse(sign_in_address(exc.back), HTTPStatus.SEE_OTHER)
            except FormNotOurs as exc:
                return await _explain(request, HTTPStatus.FORBIDDEN, "This form cannot be taken", str(exc))
            except RequestValidationError:
                told = "the address or the form has a value that cannot be read; go back and use the page's own links"
                return await _explain(request, HTTPStatus.UNPROCESSABLE_ENTITY, "That cannot be read", told)
            except HTTPException as exc:
                return await _explain(request, exc.status_code, HTTPStatus(exc.status_code).phrase, str(exc.detail))
            except KNOWN as exc:
                problem = problem_of(exc)
                return await _explain(request, problem.status, problem.title, told_of(exc))

        return handle_or_explain


async def _explain(request: Request, status: int, title: str, told: str) -> Response:
    """With the frame of whoever is signed in, if that can be told now."""
    context: ApiContext = request.app.state.context
    try:
        session = await context.door.session(request.cookies.get(cookie_name(context)))
    except KNOWN:
        session = None
    return page(request, context, session, "error.html", {"title": title, "told": told}, status)
