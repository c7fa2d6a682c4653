"""Requests that are known without the parser, and those that are left to it."""

import random
from typing import Final

import httptools
import pytest

from backend.cli.unread import Unread, whole_and_alone

HEAD = b"POST /api/payment/create HTTP/1.1\r\nHost: here\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (WHOLE, Unread("/api/payment/create", None)),
        (b"GET /api/orders/A_1-x.2 HTTP/1.1\r\nhost: here\r\n\r\n", Unread("/api/orders/A_1-x.2", None)),
        (HEAD + b"Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\r\n", Unread("/api/payment/create", None)),
        (HEAD + b"origin: https://shop.example\r\n\r\n", Unread("/api/payment/create", "https://shop.example")),
    ],
)
def test_a_plain_request_is_known_by_its_path(data: bytes, asked: Unread) -> None:
    assert whole_and_alone(data) == asked


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WHOLE[:-1],
        WHOLE + b"G",
        WHOLE + WHOLE,
        HEAD,
        HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: +2\r\n\r\n{}",
        HEAD + b"Content-Length : 2\r\n\r\n{}",
        HEAD + b"X: Content-Length: 2\r\n\r\n{}",
        HEAD + b"X: y\n Content-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        HEAD + b"Connection: close\r\n\r\n",
        HEAD + b"Connection: keep-alive, upgrade\r\n\r\n",
        HEAD + b"X: 1\r\nx: 2\r\n\r\n",
        HEAD + b"X: 1\0\r\n\r\n",
        HEAD + b"X: 1\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"X: 1\rContent-Length: 2\r\n\r\n{}",
        HEAD + b"X\r\n\r\n",
        HEAD + b": 1\r\n\r\n",
        HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Upgrade: websocket\r\n\r\n",
        HEAD + b"Origin: a b\r\n\r\n",
        HEAD + b"ORIGIN: https://shop.example\r\n\r\n",
        HEAD.replace(b"1.1", b"1.0") + b"\r\n",
        HEAD.replace(b"POST", b"HEAD") + b"\r\n",
        HEAD.replace(b"POST", b"post") + b"\r\n",
        HEAD.replace(b"/create", b"/create?a=b") + b"\r\n",
        HEAD.replace(b"/create", b"/%63reate") + b"\r\n",
        HEAD.replace(b"/api", b"http://here/api") + b"\r\n",
        b"\r\n" + WHOLE,
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(data: bytes) -> None:
    assert whole_and_alone(data) is None


NAMES: Final = (
    b"Host Content-Length content-length Connection Origin X-A Transfer-Encoding Upgrade Expect Content_Length".split()
)
VALUES: Final = (
    *b"a 2 02 +2 2,2 keep-alive Keep-Alive close keep-alive,close chunked http://x 100-continue".split(),
    *(b"", b" 2", b"2 ", b"\t2", b"a b", b" http://x", b"x\x80", b"x\0", b"x\x7f"),
)
SEPARATORS: Final = (*[b":", b": "] * 10, b" :", b"", b":\t")
LINE_ENDS: Final = (*[b"\r\n"] * 30, b"\n", b"\r", b"\r\n ", b"\r\n\t", b" \r\n", b"\r\r\n")
BODIES: Final = (b"", b"{}", b"abc", b"GET / HTTP/1.1\r\n\r\n")


class Parsed:
    """What the server's own parser makes of it."""

    def __init__(self, data: bytes) -> None:
        self.address, self.origins, self.messages, self.is_kept = b"", list[bytes](), 0, False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.address += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.origins += [value.strip()] if name.lower() == b"origin" else []

    def on_headers_complete(self) -> None:
        self.is_kept = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.messages += 1


def any_request(chance: random.Random) -> bytes:
    line = b"%s /api/x HTTP/1.1%s" % (chance.choice((b"GET", b"POST")), chance.choice(LINE_ENDS))
    parts = (NAMES, SEPARATORS, VALUES, LINE_ENDS)
    headers = [b"".join(chance.choice(part) for part in parts) for _ in range(chance.randrange(4))]
    return line + b"".join(headers) + b"\r\n" + chance.choice(BODIES)


def test_what_is_known_is_what_the_parser_finds() -> None:
    chance, known = random.Random(1), 0  # noqa: S311 - the same requests each time
    for _ in range(30_000):
        data = any_request(chance)
        asked = whole_and_alone(data)
        if asked is None:
            continue
        known += 1
        parsed = Parsed(data)
        assert parsed.messages == 1, data
        assert parsed.is_kept, data
        origin = parsed.origins[0].decode() if parsed.origins else None
        assert Unread(parsed.address.decode(), origin) == asked, data
    assert known > 1000
