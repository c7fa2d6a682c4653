"""Make tokens as the shop's login does, for trying the program out; loads no web framework."""

from datetime import datetime, timedelta
from typing import Final

import jwt

from ..domain.texts import is_whole

ALGORITHM: Final = "HS256"
LONGEST_USER: Final = 200


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
    """Raises:
    ValueError: no token of this user would be taken.
    """
    if not is_user(user):
        raise ValueError(f"a user is 1 to {LONGEST_USER} characters of Unicode")
    claims = {"sub": user, "email": email, "is_admin": is_admin, "iat": now, "exp": now + lifetime}
    if audience is not None:
        claims["aud"] = audience
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def is_user(text: str) -> bool:
    """Whether it can be kept and told."""
    return 0 < len(text) <= LONGEST_USER and is_whole(text)
