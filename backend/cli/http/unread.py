"""A request that came whole and alone, known for what it is without the parser, so that it can be refused at once.

Whoever takes less of a request for the whole, or more, answers the rest as if it were the next one. So everything that
makes where it ends a matter of reading closely is left to the parser, and so is every request that is not plain.
"""

import re
from typing import Final

from msgspec import Struct

PLAIN: Final = re.compile(
    rb"(?:GET|POST|PUT|PATCH|DELETE) (/[A-Za-z0-9/._~-]*) HTTP/1\.1\r\n(?:[A-Za-z0-9-]+:[ -~]*\r\n)*\r\n"
)
"""A whole head, of lines that nobody could read in another way."""
NAMES: Final = re.compile(rb"\n([a-z0-9-]+):")
LEFT_TO_THE_PARSER: Final = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"proxy-connection"})
"""The last one is to the parser what ``Connection`` is."""
LENGTH: Final = re.compile(rb"\ncontent-length: ?([0-9]{1,7})\r")
KEPT: Final = re.compile(rb"\nconnection: ?keep-alive\r")
ORIGIN: Final = re.compile(rb"\n[Oo]rigin: ?([!-~]+)\r")


class Unread(Struct, frozen=True):
    path: str
    origin: str | None


def whole_and_alone(data: bytes) -> Unread | None:
    """The request that ``data`` is, no more and no less; None in any doubt."""
    plain = PLAIN.match(data)
    if plain is None:
        return None
    head = plain[0].lower()
    names = NAMES.findall(head)
    if len(set(names)) < len(names) or not LEFT_TO_THE_PARSER.isdisjoint(names):
        return None
    length, origin = LENGTH.search(head), ORIGIN.search(plain[0])
    if (b"content-length" in names) != (length is not None) or (b"origin" in names) != (origin is not None):
        return None
    if len(data) != len(head) + (int(length[1]) if length is not None else 0):
        return None
    if b"connection" in names and not KEPT.search(head):
        return None
    return Unread(plain[1].decode(), origin[1].decode() if origin is not None else None)
