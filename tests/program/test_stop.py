"""Being stopped: requests in flight are finished, no new ones are taken, and a supervisor brings the program back."""

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest

from .host import Gateway, Host, credentials
from .process import PATIENCE_SECONDS, Site, until
from .shop import CALL_OF_THE_GUIDE, Shop

SLOW_ORDER = "FAULT.delay.create.s3.A-1"
"""The gateway has its job at once and answers three seconds later."""


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool


def request_in_flight(pool: ThreadPoolExecutor, backend: Site, gateway: Gateway) -> "Future[httpx.Response]":
    """A call that the backend has passed on and that the gateway keeps waiting."""
    answer = pool.submit(Shop(backend).create, SLOW_ORDER)
    until("the gateway has the call", lambda: gateway.jobs(SLOW_ORDER))
    assert not answer.done()
    return answer


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_the_request_in_flight_and_takes_no_new_one(
    host: Host, background: ThreadPoolExecutor, sign: signal.Signals
) -> None:
    gateway = host.gateway()
    backend = host.backend(credentials(gateway.port))
    answer = request_in_flight(background, backend, gateway)
    backend.process.signal(sign)
    until("it takes no new connections", lambda: not backend.listens())
    assert not answer.done()
    assert answer.result().status_code == 200
    assert backend.process.wait() == 0


def test_what_was_answered_during_a_stop_is_there_after_the_next_start(
    host: Host, background: ThreadPoolExecutor
) -> None:
    gateway = host.gateway()
    backend = host.backend(credentials(gateway.port))
    answer = request_in_flight(background, backend, gateway)
    backend.process.signal()
    created = answer.result().json()
    backend.process.wait()
    assert Shop(host.backend(credentials(gateway.port), port=backend.port)).created(SLOW_ORDER) == created


def test_a_kept_connection_is_answered_once_more_and_told_that_this_was_the_last(host: Host) -> None:
    backend = host.backend({"DRAIN_SECONDS": "15"})
    with closing(HTTPConnection("127.0.0.1", backend.port, timeout=PATIENCE_SECONDS)) as kept:
        kept.request("GET", "/healthz")
        assert kept.getresponse().read()
        backend.process.signal()
        until("it takes no new connections", lambda: not backend.listens())
        assert backend.process.runs
        headers = Shop(backend).headers | {"Content-Type": "application/json"}
        kept.request("POST", "/api/payment/create", CALL_OF_THE_GUIDE, headers)
        answer = kept.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (200, "close")
        assert b"action_url" in answer.read()
    assert backend.process.wait(10) == 0, "nobody is left to wait for"


def test_who_keeps_a_connection_and_says_nothing_is_not_waited_for_longer_than_was_set(host: Host) -> None:
    backend = host.backend({"DRAIN_SECONDS": "1"})
    with socket.create_connection(("127.0.0.1", backend.port), timeout=PATIENCE_SECONDS) as silent:
        backend.process.signal()
        assert backend.process.wait(10) == 0
        assert silent.recv(1) == b""
