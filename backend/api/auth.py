"""Bearer tokens: HS256 JWTs as the shop's login issues them. No other algorithm is accepted, whatever a token says.

A token proves who calls (``sub``); whether an order is theirs is decided where the order is read.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ..domain.references import UserId
from .errors import NotAllowed, NotAuthenticated

ALGORITHM: Final = "HS256"
LONGEST_TOKEN: Final = 8192
LONGEST_SUBJECT: Final = 200


@dataclass(frozen=True, slots=True)
class Caller:
    user: UserId
    email: str | None
    is_admin: bool


class TokenVerifier:
    """Verifies tokens, and mints them for trying the program out; the secret never leaves here."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def verify(self, token: str) -> Caller:
        """Who the token speaks for.

        Raises:
            NotAuthenticated: for every defect alike, so that a forger learns nothing.
        """
        if len(token) > LONGEST_TOKEN:
            raise NotAuthenticated
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                options={"require": ["exp", "sub"], "verify_aud": False},
            )
        except (jwt.InvalidTokenError, ValueError, OverflowError):
            raise NotAuthenticated from None
        subject, expires = claims["sub"], claims["exp"]
        if not isinstance(expires, int | float) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise NotAuthenticated
        email = claims.get("email")
        return Caller(UserId(subject), email if isinstance(email, str) else None, claims.get("is_admin") is True)

    def mint(self, *, user: str, email: str, is_admin: bool, now: datetime, lifetime: timedelta) -> str:
        claims = {"sub": user, "email": email, "is_admin": is_admin, "iat": now, "exp": now + lifetime}
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The token that the shop's login issued.")


def _caller(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
    if credentials is None:
        raise NotAuthenticated
    tokens: TokenVerifier = request.app.state.context.tokens
    return tokens.verify(credentials.credentials)


AuthenticatedCaller = Annotated[Caller, Depends(_caller)]


def _operator(caller: AuthenticatedCaller) -> Caller:
    if not caller.is_admin:
        raise NotAllowed
    return caller


Operator = Annotated[Caller, Depends(_operator)]
