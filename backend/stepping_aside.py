"""A request that waits for somebody else lets another one be worked on in its place (``api/overload.py``).

Standard library only, as ``gateways`` and ``api`` both use it; nothing is decided by it.
"""

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Final, TypeAlias

StepAside: TypeAlias = Callable[[], None]

_now: Final[ContextVar[StepAside | None]] = ContextVar("stepping_aside", default=None)


def step_aside() -> None:
    """Call before a wait that is not for this machine. Once is enough, and it does no harm outside of a request."""
    found = _now.get()
    if found is not None:
        found()


def can_step_aside(how: StepAside) -> Token[StepAside | None]:
    """From here on, ``step_aside`` in this task and in those that it starts calls ``how``."""
    return _now.set(how)


def cannot_any_more(token: Token[StepAside | None]) -> None:
    _now.reset(token)
