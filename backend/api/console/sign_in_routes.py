"""Sign in and out."""

import logging
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...domain.card_numbers import holds_card_number
from ..context import Context
from .console_route import ConsoleRoute
from .door import LIFETIME, TooManyTries
from .entry import SIGN_IN, FormNotOurs, MaybeSession, PostedForm, cookie_name, is_same_origin, safe_back
from .pages import page

log = logging.getLogger(__name__)

router: Final = APIRouter(prefix="/console", include_in_schema=False, route_class=ConsoleRoute)

WRONG: Final = "That name and password, or that key, is not known here. Check both and try again."
TOO_MANY: Final = "Too many tries. Wait a minute, then try again."


@router.get("/sign-in")
async def show_sign_in(request: Request, context: Context, session: MaybeSession, back: str = "/console") -> Response:
    if session is not None:
        return RedirectResponse(safe_back(back), HTTPStatus.SEE_OTHER)
    return page(request, context, None, "sign_in.html", {"back": safe_back(back)})


@router.post("/sign-in")
async def sign_in(request: Request, context: Context) -> Response:
    if not is_same_origin(request):
        raise FormNotOurs
    form = await request.form(max_files=0, max_fields=5)
    name, presented, back = (str(form.get(field, "")).strip() for field in ("name", "secret", "back"))
    address = request.client.host if request.client is not None else ""
    values = {"back": safe_back(back), "name": "" if holds_card_number(name) else name[:64]}
    try:
        cookie = await context.door.sign_in(name[:64], presented[:300], address)
    except TooManyTries:
        log.warning("sign-in to the console refused: too many tries")
        return page(request, context, None, "sign_in.html", {**values, "wrong": TOO_MANY}, HTTPStatus.TOO_MANY_REQUESTS)
    if cookie is None:
        log.warning("sign-in to the console refused")
        return page(request, context, None, "sign_in.html", {**values, "wrong": WRONG}, HTTPStatus.UNAUTHORIZED)
    answer = RedirectResponse(safe_back(back), HTTPStatus.SEE_OTHER)
    secure = context.base_url.startswith("https://")
    answer.set_cookie(
        cookie_name(context),
        cookie,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/sign-out")
async def sign_out(posted: PostedForm, context: Context) -> Response:
    await context.door.sign_out(posted.session)
    answer = RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
    secure = context.base_url.startswith("https://")
    answer.delete_cookie(cookie_name(context), path="/", secure=secure, httponly=True, samesite="strict")
    return answer
