"""One call to a gateway, from the lock-out guard to one of the port's outcomes.

A refusal counts only when the gateway itself says so (a 4xx); anything else that is no success, or that cannot be
understood, leaves the outcome of a change unknown, and a read without answer.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

from ..domain.errors import InvalidInput
from ..ports import NoSuchJob, NotSent, Refused, Unavailable, Unknown
from .exchange import NoAnswer, NothingSent, Reply
from .guard import LockOutGuard
from .reading import WireError

log = logging.getLogger(__name__)

SUCCESS: Final = frozenset({200, 201})
NO_REFUSAL: Final = frozenset({408, 425, 429})
"""4xx that say nothing about what was asked."""

Call: TypeAlias = Callable[[], Awaitable[Reply]]
Told = TypeVar("Told")


def _no_code(_: bytes) -> str:
    return ""


async def change(
    guard: LockOutGuard,
    call: Call,
    understand: Callable[[bytes], Told],
    *,
    error_code: Callable[[bytes], str] = _no_code,
) -> Told | Refused | NotSent | Unknown:
    """Make a call that may change something, once.

    ``understand`` reads the gateway's yes, and may raise WireError or InvalidInput. ``error_code`` reads a refusal's
    code out of its body: a code, never free text, as it is logged and shown.
    """
    if guard.reason is not None:
        return NotSent(guard.reason)
    try:
        reply = await call()
        guard.note(reply.status)
        if reply.status in SUCCESS:
            return understand(reply.body)
    except NothingSent as exc:
        return NotSent(str(exc))
    except (NoAnswer, WireError, InvalidInput) as exc:
        return Unknown(str(exc))
    if 400 <= reply.status < 500 and reply.status not in NO_REFUSAL:
        reason = f"{reply.status} {error_code(reply.body)}".strip()
        log.warning("%s refused with %s", guard.gateway, reason)
        return Refused(reason)
    return Unknown(f"the gateway answered {reply.status}")


async def read(guard: LockOutGuard, call: Call, understand: Callable[[bytes], Told]) -> Told | NoSuchJob | Unavailable:
    """Ask; ``understand`` reads the answer, and may raise WireError or InvalidInput."""
    if guard.reason is not None:
        return Unavailable(guard.reason)
    try:
        reply = await call()
        guard.note(reply.status)
        if reply.status == 200:
            return understand(reply.body)
    except (NothingSent, NoAnswer, WireError, InvalidInput) as exc:
        return Unavailable(str(exc))
    return NoSuchJob() if reply.status == 404 else Unavailable(f"the gateway answered {reply.status}")
