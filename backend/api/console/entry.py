"""What stands before every page: a session, and for what changes anything its form token and the same origin."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData

from ...domain.roles import Role
from ..context import ApiContext, Context
from ..errors import NotAllowed
from .door import Session

SECURE_COOKIE: Final = "__Host-console"
PLAIN_COOKIE: Final = "console"
"""Where the address is http, which only mock mode and tests are."""

SIGN_IN: Final = "/console/sign-in"


class SignInFirst(Exception):
    """``back`` is where the operator wanted to go."""

    def __init__(self, back: str) -> None:
        super().__init__("sign in to the console first")
        self.back = back


class FormNotOurs(Exception):
    def __init__(self) -> None:
        super().__init__("the form is not of your session: load the page again, and repeat what you did")


@dataclass(frozen=True, slots=True)
class Posted:
    """A form that this session sent from our own page."""

    session: Session
    form: FormData

    def text(self, name: str, most: int = 500) -> str:
        value = self.form.get(name, "")
        return value.strip()[:most] if isinstance(value, str) else ""

    def require(self, role: Role) -> None:
        """Raises NotAllowed unless whoever is signed in has it."""
        if not self.session.may(role):
            raise NotAllowed(role)


def cookie_name(context: ApiContext) -> str:
    return SECURE_COOKIE if context.base_url.startswith("https://") else PLAIN_COOKIE


async def current(request: Request, context: Context) -> Session | None:
    return await context.door.session(request.cookies.get(cookie_name(context)))


MaybeSession = Annotated[Session | None, Depends(current)]


async def _signed_in(request: Request, session: MaybeSession) -> Session:
    if session is None:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInFirst(target if request.method == "GET" else "/console")
    return session


SignedIn = Annotated[Session, Depends(_signed_in)]


async def _posted(request: Request, session: SignedIn, context: Context) -> Posted:
    form = await request.form(max_files=0, max_fields=30)
    token = form.get("form_token", "")
    if not is_same_origin(request) or not isinstance(token, str) or not context.door.fits(session, token):
        raise FormNotOurs
    return Posted(session, form)


PostedForm = Annotated[Posted, Depends(_posted)]


def is_same_origin(request: Request) -> bool:
    """As far as the browser tells: an older one tells less, and then the form token alone decides."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or origin == "null" or urlsplit(origin).netloc == request.headers.get("host")


def sign_in_address(back: str) -> str:
    return f"{SIGN_IN}?back={quote(back, safe='')}"


def safe_back(back: str) -> str:
    """Only ever to a page of the console."""
    inside = back.startswith("/console") and "\\" not in back and "//" not in back and back.isprintable()
    return back if inside else "/console"
