"""The store goes away and comes back: a clear answer within the limit, nothing acknowledged, no restart needed."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.mongodb_engine.engine import MongoEngine

from .host import WEBHOOK_SECRET, Backend, Host
from .process import until
from .shop import Shop, paid_exactly_once, post_webhook

LIMIT_SECONDS = 2
MARGIN_SECONDS = 3
"""Machines are busy; without the limit an answer would take the driver's own half a minute, or for ever."""

SETTINGS = {"STORE_TIMEOUT_SECONDS": str(LIMIT_SECONDS), "CASHFLOWS_WEBHOOK_SECRET": WEBHOOK_SECRET}


def answers_while_away(backend: Backend, payment: str) -> Iterator[httpx.Response]:
    shop = Shop(backend)
    yield shop.create("NEW-1")
    yield backend.client.get("/api/orders/TEST-001", headers=shop.headers)
    yield post_webhook(backend, WEBHOOK_SECRET, order="TEST-001", payment=payment, status="captured")
    yield backend.client.get("/readyz")


def all_refused_in_time(backend: Backend, payment: str) -> None:
    began = time.monotonic()
    for answer in answers_while_away(backend, payment):
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:rafflestack:problem:store-unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() - began < LIMIT_SECONDS + MARGIN_SECONDS
        began = time.monotonic()
    assert backend.client.get("/healthz").status_code == 200


def everything_works_again(backend: Backend, payment: str) -> None:
    shop = Shop(backend)
    until("an order can be created", lambda: shop.create("NEW-1").status_code == 200)
    told = post_webhook(backend, WEBHOOK_SECRET, order="TEST-001", payment=payment, status="captured")
    assert told.status_code == 200
    assert paid_exactly_once(shop.order())


@pytest.mark.parametrize("how", ["killed", "hung"])
def test_mongodb_that_is_away_is_a_503_and_needs_no_restart(host: Host, mongodb_engine: MongoEngine, how: str) -> None:
    backend = host.backend({**SETTINGS, "MONGO_URL": mongodb_engine.url})
    payment = Shop(backend).created()["payment_reference"]
    if how == "killed":
        mongodb_engine.kill()
        all_refused_in_time(backend, payment)
        mongodb_engine.restart()
    else:
        os.kill(mongodb_engine.pid, signal.SIGSTOP)
        try:
            all_refused_in_time(backend, payment)
        finally:
            os.kill(mongodb_engine.pid, signal.SIGCONT)
    everything_works_again(backend, payment)


def test_a_locked_sqlite_file_refuses_writes_and_needs_no_restart(host: Host, tmp_path: Path) -> None:
    backend = host.backend(SETTINGS)
    shop = Shop(backend)
    payment = shop.created()["payment_reference"]
    with closing(sqlite3.connect(tmp_path / "data" / "orders.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for answer in (
            shop.create("NEW-1"),
            post_webhook(backend, WEBHOOK_SECRET, order="TEST-001", payment=payment, status="captured"),
        ):
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:rafflestack:problem:store-unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        assert shop.order()["status"] == "pending", "readers do not wait for writers"
        other.execute("ROLLBACK")
    everything_works_again(backend, payment)
