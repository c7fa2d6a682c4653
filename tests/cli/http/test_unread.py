"""Requests that are known without the parser, and those that are left to it."""

from typing import Final

import httptools
import pytest

from backend.cli.http.unread import Unread, whole_and_alone
from tests.hostile.mutants import mutants

HEAD = b"POST /api/payment/create HTTP/1.1\r\nHost: here\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"

PLAIN: Final = (
    (WHOLE, Unread("/api/payment/create", None)),
    (b"GET /api/orders/A_1-x.2 HTTP/1.1\r\nhost: here\r\n\r\n", Unread("/api/orders/A_1-x.2", None)),
    (HEAD + b"Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\r\n", Unread("/api/payment/create", None)),
    (HEAD + b"origin: https://shop.example\r\n\r\n", Unread("/api/payment/create", "https://shop.example")),
)
NOT_PLAIN: Final = (
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
    HEAD + b"Proxy-Connection: close\r\n\r\n",
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
)


@pytest.mark.parametrize(("data", "asked"), PLAIN)
def test_a_plain_request_is_known_by_its_path(data: bytes, asked: Unread) -> None:
    assert whole_and_alone(data) == asked


@pytest.mark.parametrize("data", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_the_parser(data: bytes) -> None:
    assert whole_and_alone(data) is None


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


def test_what_is_known_is_what_the_parser_finds() -> None:
    known = 0
    for data in mutants([*(data for data, _ in PLAIN), *NOT_PLAIN], 100_000, seed=1):
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
