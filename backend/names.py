"""Names that differ from all others and cannot be foreseen: of requests, traces, spans and operations.

Asking the system for each name lets go of the interpreter, and where other threads are busy, getting it back takes
longer than everything else that a request does. So the system is asked for hundreds at once.
"""

import os
from collections import deque
from typing import Final

BYTES: Final = 8
AHEAD: Final = 512

_ahead: Final[deque[bytes]] = deque()
os.register_at_fork(after_in_child=_ahead.clear)


def new_name() -> str:
    """Sixteen hexadecimal digits."""
    return eight_bytes().hex()


def eight_bytes() -> bytes:
    while True:
        try:
            return _ahead.popleft()  # atomic: no two threads get the same
        except IndexError:
            drawn = os.urandom(AHEAD * BYTES)
            _ahead.extend(drawn[at : at + BYTES] for at in range(0, len(drawn), BYTES))
