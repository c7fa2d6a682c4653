"""Passwords of people who sign in to the console; settings hold what scrypt makes of them.

Unlike operator keys, passwords are guessable, so each guess is made to cost 32 MiB and a good part of a second.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import scrypt
from typing import Final

from msgspec import Struct

from .roles import Role

ENTRY: Final = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._@-]{0,63}):(viewer|refunder|admin):scrypt\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})"
)
SALT_BYTES: Final = 16
DIGEST_BYTES: Final = 32
COST: Final = 2**15
MEMORY: Final = 64 * 1024 * 1024
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 200


class ConsoleUser(Struct, frozen=True):
    name: str
    role: Role
    salt: str
    digest: str


def new_console_user(name: str, role: Role, password: str) -> str:
    """The entry for the settings."""
    salt = _text(secrets.token_bytes(SALT_BYTES))
    return f"{name}:{role}:scrypt${salt}${_digest(password, salt)}"


def parse_console_users(text: str) -> tuple[ConsoleUser, ...]:
    """Read ``name:role:scrypt$salt$digest,...``.

    Raises:
        ValueError: says which entry, counted from one; never what stands in it.
    """
    users: list[ConsoleUser] = []
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        match = ENTRY.fullmatch(entry)
        if match is None or any(user.name == match[1] for user in users):
            raise ValueError(f"entry {number} must be as `backend console-password` prints it, one for each name")
        users.append(ConsoleUser(match[1], Role(match[2]), match[3], match[4]))
    return tuple(users)


NOBODY: Final = ConsoleUser("", Role.VIEWER, "A" * 22, "A" * 43)


def check_password(users: Sequence[ConsoleUser], name: str, password: str) -> ConsoleUser | None:
    """The user; an unknown name takes as long as a wrong password. Slow on purpose: call it in a thread."""
    user = next((user for user in users if user.name == name), NOBODY)
    fits = hmac.compare_digest(_digest(password[:LONGEST_PASSWORD], user.salt), user.digest)
    return user if fits and user is not NOBODY else None


def _digest(password: str, salt: str) -> str:
    made = scrypt(
        password.encode(),
        salt=urlsafe_b64decode(salt + "=="),
        n=COST,
        r=8,
        p=1,
        maxmem=MEMORY,
        dklen=DIGEST_BYTES,
    )
    return _text(made)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
