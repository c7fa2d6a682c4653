"""A request that waits for somebody else lets another one be worked on in its place (``api/layers/overload.py``).

Standard library only, as ``gateways``, ``service`` and ``api`` use it; nothing is decided by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Final, Protocol


class Turn(Protocol):
    def step_aside(self) -> None: ...

    def come_back(self) -> None: ...


_now: Final[ContextVar[Turn | None]] = ContextVar("turn", default=None)


@contextmanager
def stepping_aside() -> Iterator[None]:
    """Around a wait for the gateway or for another request; does no harm outside of a request."""
    turn = _now.get()
    if turn is None:
        yield
        return
    turn.step_aside()
    try:
        yield
    finally:
        turn.come_back()


def begin_turn(turn: Turn) -> Token[Turn | None]:
    """From here on, this task and those that it starts step aside from ``turn``."""
    return _now.set(turn)


def end_turn(token: Token[Turn | None]) -> None:
    _now.reset(token)
