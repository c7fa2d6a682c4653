"""The background work in a process of its own: stopped, killed, and with none at all."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from .host import Gateway, Host, credentials
from .process import Process, Site, until
from .shop import Shop, paid_exactly_once, pay

LEASE_SECONDS = 30
LOST = "FAULT.lost-webhook.A-1"
"""The gateway sends no webhook, so that nothing but background work can learn of the payment."""


def worker(host: Host, settings: dict[str, str]) -> Process:
    process = host.run("backend", "worker", settings=settings)
    until("it works", lambda: "working in the background" in process.output)
    return process


def paid_without_a_webhook(gateway: Gateway, backend: Site) -> Shop:
    shop = Shop(backend)
    pay(gateway.client, shop.created(LOST)["action_url"])
    return shop


def without_background(gateway: Gateway) -> dict[str, str]:
    return credentials(gateway.port, WORKER="off", WORKER_POLL_SECONDS="0.05")


def test_with_the_work_off_inside_a_worker_does_it(host: Host) -> None:
    gateway = host.gateway()
    settings = without_background(gateway)
    backend = host.backend(settings)
    shop = paid_without_a_webhook(gateway, backend)
    make_due(data_of(host))
    assert shop.order(LOST)["status"] == "pending"
    first, second = worker(host, settings), worker(host, settings)
    assert paid_exactly_once(shop.order_once("paid", LOST))
    for process in (first, second):
        process.signal()
        assert process.wait() == 0


def test_a_stopped_worker_gives_back_what_it_had_taken(host: Host) -> None:
    gateway = host.gateway()
    settings = without_background(gateway) | {"GATEWAY_TIMEOUT_SECONDS": "60"}
    backend = host.backend(settings)
    paid_without_a_webhook(gateway, backend)
    hang_reads(gateway)
    make_due(data_of(host))
    process = worker(host, settings)
    until("it has taken the order", lambda: seconds_until_due(data_of(host)) > LEASE_SECONDS / 2)
    process.signal()
    assert process.wait() == 0
    assert seconds_until_due(data_of(host)) <= 0


def test_a_killed_worker_costs_no_more_than_the_time_it_had_taken_the_order_for(host: Host) -> None:
    gateway = host.gateway()
    settings = without_background(gateway) | {"GATEWAY_TIMEOUT_SECONDS": "60", "RATE_LIMIT_USER": "0"}
    backend = host.backend(settings)
    shop = paid_without_a_webhook(gateway, backend)
    hang_reads(gateway)
    make_due(data_of(host))
    process = worker(host, settings)
    until("it asks the gateway", lambda: is_asked(gateway))
    process.kill()
    assert 0 < seconds_until_due(data_of(host)) <= LEASE_SECONDS
    make_due(data_of(host))  # as the time that it was taken for would
    worker(host, settings)
    assert paid_exactly_once(shop.order_once("paid", LOST))


def data_of(host: Host) -> Path:
    return host.data / "orders.sqlite3"


def make_due(file: Path) -> None:
    with closing(sqlite3.connect(file, timeout=10)) as connection, connection:
        connection.execute("UPDATE orders SET next_check_at = '2020-01-01T00:00:00.000000+00:00'")


def seconds_until_due(file: Path) -> float:
    with closing(sqlite3.connect(file, timeout=10)) as connection:
        ((due,),) = connection.execute("SELECT next_check_at FROM orders").fetchall()
    return (datetime.fromisoformat(due) - datetime.now(UTC)).total_seconds()


def hang_reads(gateway: Gateway) -> None:
    """The next one; the one after it is answered at once."""
    answer = gateway.client.put(f"/control/faults/{LOST}", json={"scripts": ["delay.read.s30"]})
    assert answer.is_success, answer.text


def is_asked(gateway: Gateway) -> bool:
    return any(request["call"] == "read" for request in gateway.client.get("/requests.json").json()["requests"])
