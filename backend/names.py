"""Names that only have to differ from all others: of requests, traces, spans and operations.

Not for secrets. Asking the system for each name lets go of the interpreter, and where other threads are busy, getting
it back takes longer than everything else that a request does. Nobody else draws from the source, so nobody can seed it.
"""

import os
import random
from typing import Final

SOURCE: Final = random.Random()  # noqa: S311 - seeded by the system; no secret comes of it
os.register_at_fork(after_in_child=SOURCE.seed)


def new_name(digits: int = 16) -> str:
    """So many hexadecimal digits."""
    return f"{SOURCE.getrandbits(4 * digits):0{digits}x}"
