"""The checkout try-out page, in mock mode only: it holds a token of a made-up customer."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from .context import Context
from .pages import try_out_page

router: Final = APIRouter(include_in_schema=False)

TOKEN_LIFETIME: Final = timedelta(hours=8)
DEMO_USER: Final = "demo-customer"
DEMO_EMAIL: Final = "demo@example.com"


@router.get("/")
async def home() -> Response:
    return RedirectResponse("/try-out", 303)


@router.get("/try-out")
async def try_out(request: Request, context: Context) -> Response:
    token = context.tokens.mint(
        user=DEMO_USER, email=DEMO_EMAIL, is_admin=False, now=context.clock.now(), lifetime=TOKEN_LIFETIME
    )
    return try_out_page(request, token)
