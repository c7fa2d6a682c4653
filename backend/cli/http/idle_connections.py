"""End connections on which no request arrives, so that nobody keeps the program from others by holding many.

uvicorn waits for the head of a request without any limit, and bounds only the time between two. The body that follows
has limits of its own (``api/layers/body_limits.py``), and so has an answer that is not read (``flow.py``) but for its
end, as a connection that is closed waits for its client without any limit too.
"""

from collections.abc import Iterable
from typing import Any, Final

from .flow import LONGEST_UNREAD_SECONDS

IDLE_SECONDS: Final = 10.0
"""How long the head of a request may take; a browser that opens a connection ahead simply opens another."""
CROWDED_SECONDS: Final = 1.0
"""The same once most places are taken."""

Connection = Any
"""One of uvicorn's protocols, which have no type in common."""


class IdleConnections:
    """``most`` is how many connections there may be before those that say nothing have to make room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Connection, tuple[object, float]] = {}

    def end(self, connections: Iterable[Connection], now: float) -> None:
        """To be called about once a second, with all connections and a clock that only goes on."""
        waiting: dict[Connection, tuple[object, float]] = {}
        for connection in connections:
            if is_idle(connection):
                heard = _heard(connection)
                before, since = self._waiting.get(connection, (None, now))
                waiting[connection] = (heard, since if heard == before else now)
        self._waiting = waiting
        patience = CROWDED_SECONDS if len(waiting) > self._most else IDLE_SECONDS
        for connection, (_, since) in waiting.items():
            if now - since >= patience + LONGEST_UNREAD_SECONDS:
                connection.transport.abort()
            elif now - since >= patience:
                connection.transport.close()


def _heard(connection: Connection) -> tuple[object, ...]:
    """What differs after each request, those included that were refused unread, and as an answer is read."""
    return connection.cycle, getattr(connection, "refused_at", None), connection.transport.get_write_buffer_size()


def is_idle(connection: Connection) -> bool:
    """Whether the next request's head is yet to come, or to come to its end."""
    return connection.cycle is None or connection.cycle.response_complete
