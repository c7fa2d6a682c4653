"""Who may do what beyond their own orders, and the keys that say so.

Settings hold digests alone: a key is 256 random bits, so one round of SHA-256 gives nothing of it away.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Final

from msgspec import Struct


class Role(StrEnum):
    VIEWER = "viewer"  # sees every order
    REFUNDER = "refunder"  # and captures, voids and refunds
    ADMIN = "admin"  # and decides everything else
    SERVICE = "service"  # the shop's server: registers orders and reads them; no operator

    def includes(self, needed: "Role") -> bool:
        """Whether whoever has this role may do what ``needed`` may."""
        return needed in INCLUDES[self]


INCLUDES: Final = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.REFUNDER: frozenset({Role.VIEWER, Role.REFUNDER}),
    Role.ADMIN: frozenset({Role.VIEWER, Role.REFUNDER, Role.ADMIN}),
    Role.SERVICE: frozenset({Role.SERVICE}),
}

KEY_PREFIX: Final = "ok_"
KEY_BYTES: Final = 32
ENTRY: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._@-]{0,63}):(viewer|refunder|admin|service):([0-9a-f]{64})")


class OperatorKey(Struct, frozen=True):
    name: str
    """Stands in the history as who did it."""
    role: Role
    digest: str


def new_operator_key(name: str, role: Role) -> tuple[str, str]:
    """A key to hand to its holder, and the entry for the settings that makes it valid."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return key, f"{name}:{role}:{_digest(key)}"


def parse_operator_keys(text: str) -> tuple[OperatorKey, ...]:
    """Read ``name:role:digest,...``; one name may have several keys (one replaces the other), but one role only.

    Raises:
        ValueError: says which entry, counted from one; never what stands in it, which may be a key by mistake.
    """
    keys: list[OperatorKey] = []
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        match = ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"entry {number} must be name:role:digest, as `backend operator-key` prints it")
        key = OperatorKey(match[1], Role(match[2]), match[3])
        if any(other.digest == key.digest or (other.name == key.name and other.role != key.role) for other in keys):
            raise ValueError(f"entry {number} gives a name another role, or a key a second name")
        keys.append(key)
    return tuple(keys)


def find_operator_key(keys: Sequence[OperatorKey], presented: str) -> OperatorKey | None:
    """The key that was presented; every digest is compared, so the time taken tells nothing."""
    digest = _digest(presented)
    found = [key for key in keys if hmac.compare_digest(key.digest, digest)]
    return found[0] if found else None


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
