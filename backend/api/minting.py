"""Make tokens as the shop's login does, for trying the program out; loads no web framework."""

from datetime import datetime, timedelta
from typing import Final

import jwt

ALGORITHM: Final = "HS256"


def mint(
    secret: str,
    *,
    user: str,
    email: str,
    is_admin: bool,
    now: datetime,
    lifetime: timedelta,
    audience: str | None = None,
) -> str:
    claims = {"sub": user, "email": email, "is_admin": is_admin, "iat": now, "exp": now + lifetime}
    if audience is not None:
        claims["aud"] = audience
    return jwt.encode(claims, secret, algorithm=ALGORITHM)
