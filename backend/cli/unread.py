"""A request that came whole and alone, known for what it is without the parser, so that it can be refused at once.

Whoever takes less of a request for the whole, or more, answers the rest as if it were the next one. So everything that
makes where it ends a matter of reading closely is left to the parser, and so is every request that is not plain.
"""

import re
from typing import Final

from msgspec import Struct

PLAIN: Final = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) (/[A-Za-z0-9/._~-]*) HTTP/1\.1\r\n")
LENGTH: Final = re.compile(rb"\r\ncontent-length: ?([0-9]{1,7})\r\n")
ORIGIN: Final = re.compile(rb"\r\n[Oo]rigin: ?([!-~]+)\r\n")
LEFT_TO_THE_PARSER: Final = (b"transfer-encoding", b"upgrade", b"\nconnection:", b"\nexpect:", b"\0")
HEAD_ENDS: Final = b"\r\n\r\n"


class Unread(Struct, frozen=True):
    path: str
    origin: str | None


def whole_and_alone(data: bytes) -> Unread | None:
    """The request that ``data`` is, no more and no less; None in any doubt."""
    line, end = PLAIN.match(data), data.find(HEAD_ENDS)
    if line is None or end < 0:
        return None
    head = data[: end + 2].lower()
    if any(word in head for word in LEFT_TO_THE_PARSER) or head.count(b"\n") != head.count(b"\r\n"):
        return None
    length, named = LENGTH.search(head), head.count(b"content-length")
    if named != (length is not None) or len(data) != end + 4 + (int(length[1]) if length is not None else 0):
        return None
    origin = ORIGIN.search(data, 0, end + 2)
    if (origin is not None) != (b"\norigin" in head):
        return None
    return Unread(line[1].decode(), origin[1].decode() if origin is not None else None)
