"""A request that waits for somebody else lets another one be worked on in its place (``api/layers/overload.py``).

Standard library only, as ``gateways``, ``service`` and ``api`` use it; nothing is decided by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Final, Protocol


class Turn(Protocol):
    def step_aside(self, *, for_client: bool) -> None: ...

    def come_back(self, *, for_client: bool) -> None: ...


_now: Final[ContextVar[Turn | None]] = ContextVar("turn", default=None)


@contextmanager
def stepping_aside(*, for_client: bool = False) -> Iterator[None]:
    """Around a wait for the gateway or for another request; does no harm outside of a request.

    ``for_client`` is around a wait for the request's own client, with a limit of its own: however many there are, they
    take no place from those who wait for the gateway.
    """
    turn = _now.get()
    if turn is None:
        yield
        return
    turn.step_aside(for_client=for_client)
    try:
        yield
    finally:
        turn.come_back(for_client=for_client)


def begin_turn(turn: Turn) -> Token[Turn | None]:
    """From here on, this task and those that it starts step aside from ``turn``."""
    return _now.set(turn)


def end_turn(token: Token[Turn | None]) -> None:
    _now.reset(token)
