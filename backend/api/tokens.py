"""Bearer tokens: HS256 JWTs as the shop's login issues them. No other algorithm is accepted, whatever a token says.

What was verified once is remembered until it expires, by its digest: checking a signature and reading its claims costs
a third of what a request costs. Only valid tokens are remembered, so forged ones push none out.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import jwt
from msgspec import Struct

from .errors import NotAuthenticated
from .minting import ALGORITHM, is_user, mint

LONGEST_TOKEN: Final = 8192
MOST_REMEMBERED: Final = 10_000
"""Some 5 MB; the one verified first is forgotten first."""


class Claims(Struct, frozen=True):
    subject: str
    email: str | None
    is_admin: bool
    expires: float


class TokenVerifier:
    """Verifies tokens, and mints them for trying the program out; the secret never leaves here."""

    def __init__(self, secret: str, *, audience: str | None = None, now: Callable[[], float] = time.time) -> None:
        """Where an ``audience`` is given, a token must name it; else whom it is for is not looked at."""
        self._secret = secret
        self._audience = audience
        self._now = now
        self._verified: dict[bytes, Claims] = {}

    def verify(self, token: str) -> Claims:
        """What the token says.

        Raises:
            NotAuthenticated: for every defect alike, so that a forger learns nothing.
        """
        if len(token) > LONGEST_TOKEN:
            raise NotAuthenticated
        digest = sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is None:
            return self._remember(digest, self._read(token))
        if known.expires <= self._now():
            del self._verified[digest]
            raise NotAuthenticated
        return known

    def mint(self, *, user: str, email: str, is_admin: bool, now: datetime, lifetime: timedelta) -> str:
        return mint(
            self._secret,
            user=user,
            email=email,
            is_admin=is_admin,
            now=now,
            lifetime=lifetime,
            audience=self._audience,
        )

    def _read(self, token: str) -> Claims:
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=self._audience,
                options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
            )
        except (jwt.InvalidTokenError, ValueError, OverflowError):
            raise NotAuthenticated from None
        subject, expires = claims["sub"], claims["exp"]
        if not isinstance(expires, int | float) or not is_user(subject):
            raise NotAuthenticated
        email = claims.get("email")
        return Claims(
            subject, email if isinstance(email, str) else None, claims.get("is_admin") is True, float(int(expires))
        )

    def _remember(self, digest: bytes, claims: Claims) -> Claims:
        if len(self._verified) >= MOST_REMEMBERED:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = claims
        return claims
