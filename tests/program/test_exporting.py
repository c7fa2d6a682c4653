"""Errors and traces as Sentry and OpenTelemetry get them from the running program: all that helps, and no secret."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from .faulty_gateway import CARD, install
from .host import API_KEY, API_SECRET, JWT_SECRET, WEBHOOK_SECRET, Gateway, Host, credentials
from .process import until
from .receivers import Receiver, attributes, passing_on, sentry_dsn, sentry_events, spans
from .shop import GOOD_CARD, Shop, customer_token, pay

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
METRICS_TOKEN: Final = "metrics-token-of-the-tests"
PERSON: Final = {"customer_email": "test@example.com", "customer_name": "Zebedee Quackenbush"}
CREATE: Final = {"amount": "10.00", "currency": "GBP", **PERSON}


@dataclass
class Watched:
    """A backend, its gateway, and whoever is told what it does."""

    settings: dict[str, str]
    gateway: Gateway
    at_gateway: Receiver
    sentry: Receiver
    collector: Receiver


@pytest.fixture
def watched(host: Host, tmp_path: Path) -> Iterator[Watched]:
    gateway = host.gateway()
    with ExitStack() as stack:
        at_gateway = stack.enter_context(passing_on(gateway.port).listening())
        sentry, collector = (stack.enter_context(Receiver().listening()) for _ in range(2))
        path = f"{host.project}:{install(tmp_path / 'faulty')}"
        settings = credentials(at_gateway.port, GATEWAYS="faulty", PAYMENT_MODE="integration", PYTHONPATH=path)
        settings |= {
            "SENTRY_DSN": sentry_dsn(sentry),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "METRICS_TOKEN": METRICS_TOKEN,
            "LOG_LEVEL": "DEBUG",
        }
        yield Watched(settings, gateway, at_gateway, sentry, collector)


def create(shop: Shop, order: str, **headers: str) -> httpx.Response:
    body = CREATE | {"order_reference": order}
    return shop.client.post("/api/payment/create?token=CANARY", json=body, headers=shop.headers | headers)


def named(collector: Receiver, name: str) -> list[Span]:
    return [span for span in spans(collector) if span.name == name]


def test_what_is_told_helps_and_holds_no_secret_and_nothing_personal(host: Host, watched: Watched) -> None:
    backend = host.backend(watched.settings)
    token = customer_token()
    shop = Shop(backend, token)
    caller = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "request-0001"}
    created = create(shop, "TRACED-1", **caller)
    assert created.status_code == 200, created.text
    pay(watched.gateway.client, created.json()["action_url"])
    failed = create(shop, "FAULTY-1", traceparent=caller["traceparent"], **{"X-Request-ID": "request-0002"})
    assert (failed.status_code, failed.headers["X-Request-ID"]) == (500, "request-0002")
    until("the error is reported", lambda: sentry_events(watched.sentry))
    backend.process.signal()
    assert backend.process.wait() == 0

    spans_continue_the_callers_trace(watched, created.json()["payment_reference"])
    error_is_told_once(watched)
    error_is_logged_once_with_its_request(backend.process.errors)
    told = watched.sentry.texts + watched.collector.texts
    assert "TRACED-1" in "".join(told)
    secrets = (API_KEY, API_SECRET, WEBHOOK_SECRET, JWT_SECRET, METRICS_TOKEN, token, GOOD_CARD, CARD)
    for canary in (*secrets, *PERSON.values(), "Quackenbush", "CANARY", "/api/webhooks/cashflows/", "127.0.0.1:9"):
        for spelled in (canary, canary.replace(" ", "")):
            assert not [text for text in told if spelled in text], canary


def spans_continue_the_callers_trace(watched: Watched, payment: str) -> None:
    request, failed = named(watched.collector, "POST /api/payment/create")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert request.kind == Span.SPAN_KIND_SERVER
    about = attributes(request)
    assert (about["backend.request"], about["backend.order"]) == ("request-0001", "TRACED-1")
    assert about["backend.payments"] == [payment]
    assert about["http.response.status_code"] == 200
    assert failed.status.code == Status.STATUS_CODE_ERROR
    calls = [span for span in named(watched.collector, "POST gateway") if span.trace_id.hex() == TRACE]
    assert {span.parent_span_id for span in calls} == {request.span_id}
    assert {attributes(span)["backend.order"] for span in calls} == {"TRACED-1"}
    sent = [each.headers["traceparent"] for each in watched.at_gateway.requests if TRACE in each.headers["traceparent"]]
    assert sent == [f"00-{TRACE}-{span.span_id.hex()}-01" for span in calls]
    assert not [each for each in watched.at_gateway.requests if {"sentry-trace", "baggage"} & set(each.headers)]


def error_is_told_once(watched: Watched) -> None:
    (event,) = sentry_events(watched.sentry)
    assert event["tags"] == {"request": "request-0002", "trace": TRACE, "order": "FAULTY-1"}
    assert event["contexts"]["trace"]["trace_id"] == TRACE
    assert event["environment"] == "integration"
    assert event["logentry"]["message"] == "POST /api/payment/create failed"
    (error,) = event["exception"]["values"]
    assert error["type"] == "RuntimeError"
    assert "bug" not in error["value"]
    frame = error["stacktrace"]["frames"][-1]
    assert (frame["function"], frame["module"]) == ("create_payment_job", "faulty_gateway")
    assert not [each for each in error["stacktrace"]["frames"] if "vars" in each]
    assert not {"request", "user", "breadcrumbs"} & set(event)


def error_is_logged_once_with_its_request(log: str) -> None:
    (line,) = [line for line in log.splitlines() if "Traceback" in line]
    assert '"request": "request-0002"' in line
    assert '"order": "FAULTY-1"' in line


def test_a_caller_and_a_setting_decide_what_is_recorded(host: Host, watched: Watched) -> None:
    backend = host.backend(watched.settings | {"OTEL_TRACES_SAMPLER_ARG": "0"})
    shop = Shop(backend)
    for number, headers in enumerate(({}, {"traceparent": f"00-{TRACE}-{PARENT}-00"})):
        assert create(shop, f"UNRECORDED-{number}", **headers).status_code == 200
    assert create(shop, "RECORDED-1", traceparent=f"00-{TRACE}-{PARENT}-01").status_code == 200
    backend.process.end()
    assert {attributes(span)["backend.order"] for span in spans(watched.collector)} == {"RECORDED-1"}
    assert [each.headers["traceparent"][-2:] for each in watched.at_gateway.requests] == ["00", "00", "01"]


def test_receivers_that_are_away_delay_neither_requests_nor_a_stop(host: Host, watched: Watched) -> None:
    nobody = host.reserve_port()
    away = {"SENTRY_DSN": f"http://k@127.0.0.1:{nobody}/1", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{nobody}"}
    backend = host.backend(watched.settings | away)
    assert create(Shop(backend), "TRACED-1").status_code == 200
    assert create(Shop(backend), "FAULTY-1").status_code == 500
    backend.process.signal()
    assert backend.process.wait(15) == 0


def test_a_worker_of_its_own_tells_of_its_calls_too(host: Host, watched: Watched) -> None:
    settings = watched.settings | {"WORKER": "off"}
    shop = Shop(host.backend(settings))
    order = "FAULT.lost-webhook.A-1"
    created: Any = create(shop, order).json()
    pay(watched.gateway.client, created["action_url"])
    worker = host.run("backend", "worker", settings=settings | {"WORKER_POLL_SECONDS": "0.05"})
    backend_calls = len(watched.at_gateway.requests)
    shop.client.get("/api/payment/success", params={"ref": order})
    until("the worker asks", lambda: len(watched.at_gateway.requests) > backend_calls)
    until("the order is paid", lambda: shop.order(order)["status"] == "paid")
    worker.signal()
    assert worker.wait() == 0
    asked = [span for span in named(watched.collector, "GET gateway") if attributes(span)["backend.order"] == order]
    assert asked
