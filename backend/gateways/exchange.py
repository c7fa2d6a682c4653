"""One request to a gateway and its whole reply, whoever carries it; and the two ways in which it can fail.

GatewayHttpError
+-- NothingSent     the gateway was never reached: the same call may be made again
+-- NoAnswer        it may have acted: find out by reading, never by calling again
"""

from collections.abc import Mapping
from typing import Final, Protocol

from msgspec import Struct

MOST_REPLY_BYTES: Final = 1024 * 1024


class GatewayHttpError(Exception):
    """No reply that can be believed; the message holds no body, header or URL query."""


class NothingSent(GatewayHttpError):
    pass


class NoAnswer(GatewayHttpError):
    pass


class Reply(Struct, frozen=True):
    status: int
    body: bytes


class Exchange(Protocol):
    """Sends exactly ``body`` and reads the whole reply, redirects as they are. How long that takes is its caller's.

    Raises:
        NothingSent: also where no connection was made within ``connect_seconds``.
        NoAnswer: also for a reply that is compressed or longer than ``MOST_REPLY_BYTES``.
    """

    async def __call__(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], connect_seconds: float
    ) -> Reply: ...


class Collected:
    """The body of a reply as it comes in, within the limit."""

    def __init__(self, encoding: str | None) -> None:
        if encoding not in (None, "identity"):
            raise NoAnswer("the reply is compressed although that was not asked for")
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > MOST_REPLY_BYTES:
            raise NoAnswer(f"the reply is longer than {MOST_REPLY_BYTES} bytes")
        self._chunks.append(chunk)

    @property
    def body(self) -> bytes:
        return b"".join(self._chunks)
