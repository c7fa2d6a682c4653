"""Requests that are known without the parser, and those that are left to it."""

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
