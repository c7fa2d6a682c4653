"""Every line is one JSON object that names the request, the trace, the order and its payments, and hides secrets."""

import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import respx

from backend.config import Settings
from backend.following import Outgoing, follow_order, following_request
from backend.gateways.http import GatewayHttp
from backend.observability.logs import JsonLines, PlainLines, scrubber
from tests.api.program import JWT_SECRET, Program

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CARD = "4111 1111 1111 1111"


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        settings = Settings(_env_file=None, jwt_secret_key=JWT_SECRET, mongo_url="mongodb://u:canary-password@h/")
        self.setFormatter(JsonLines(scrubber(settings)))
        self.plain = PlainLines(scrubber(settings))
        self.plain_lines: list[str] = []
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        assert "\n" not in text
        self.lines.append(json.loads(text))
        self.plain_lines.append(self.plain.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


async def test_a_request_is_one_line_with_the_callers_ids_the_order_and_the_payment(
    here: Program, lines: Lines
) -> None:
    created = await here.client.post(
        "/api/payment/create",
        json={
            "amount": 10,
            "currency": "GBP",
            "order_reference": "TEST-001",
            "customer_email": "canary@example.com",
            "customer_name": "Canary",
        },
        headers=here.headers() | {"X-Request-ID": "request-0001", "traceparent": f"00-{TRACE}-{PARENT}-01"},
    )
    assert created.headers["X-Request-ID"] == "request-0001"
    (line,) = [line for line in lines.lines if line["logger"] == "backend.requests" and line.get("order")]
    assert line["message"] == "POST /api/payment/create 200"
    assert (line["request"], line["trace"], line["order"]) == ("request-0001", TRACE, "TEST-001")
    assert line["payments"] == [created.json()["payment_reference"]]
    assert line["status"] == 200
    assert "canary" not in json.dumps(lines.lines).lower()


@pytest.mark.parametrize("sent", ["ok_" + "canary-Key_" * 4, "ok_too-short", "eyJhbGciOiJI.eyJzdWIiOiJh.c2ln"])
async def test_a_credential_sent_as_a_request_id_is_replaced(here: Program, lines: Lines, sent: str) -> None:
    answer = await here.client.get("/api/orders/NONE", headers={"X-Request-ID": sent})
    assert answer.headers["X-Request-ID"] not in ("", sent)
    (line,) = [line for line in lines.lines if line["logger"] == "backend.requests"]
    assert line["request"] == answer.headers["X-Request-ID"]
    assert sent not in json.dumps(lines.lines)


@pytest.mark.parametrize("sent", ["short", "x" * 65, "two words here", "a\nb-injected"])
async def test_a_malformed_request_id_is_replaced(here: Program, sent: str) -> None:
    headers = {"X-Request-ID": sent.encode()}
    answer = await here.client.get("/healthz", headers=headers)  # type: ignore[arg-type]
    assert answer.headers["X-Request-ID"] not in ("", sent)


@pytest.mark.parametrize(
    "header",
    ["", "00-" + "0" * 32 + f"-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"01-{TRACE}-{PARENT}-01", "nonsense"],
)
def test_a_malformed_trace_starts_a_new_one(header: str) -> None:
    with following_request(None, header) as now:
        assert len(now.trace) == 32
        assert now.trace != TRACE


async def test_the_trace_goes_on_to_the_gateway() -> None:
    gateway = respx.Router()
    route = gateway.get("https://gateway.example/a").respond(200)
    http = GatewayHttp(httpx.MockTransport(gateway.async_handler), deadline_seconds=5)
    with following_request(None, f"00-{TRACE}-{PARENT}-01"):
        await http.read("https://gateway.example/a", headers={})
    sent = route.calls.last.request.headers["traceparent"]
    version, trace, span, flags = sent.split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != PARENT
    assert Outgoing().place != Outgoing().place


def test_secrets_tokens_cards_and_addresses_are_hidden_and_a_line_stays_a_line(lines: Lines) -> None:
    log = logging.getLogger("backend.test")
    with following_request("request-0002", None):
        follow_order("A-1", ("p1", "p2"))
        key = "ok_" + "a" * 43
        log.warning("%s %s %s %s\nfaked: line\x1b[2J", JWT_SECRET, CARD, key, "someone@example.com")
        try:
            int(f"mongodb://u:canary-password@h/ {CARD}")
        except ValueError:
            log.exception("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl")
    text = json.dumps(lines.lines) + "".join(lines.plain_lines)
    for hidden in (JWT_SECRET, CARD, "ok_aaaa", "someone@", "canary-password", "eyJzdWIi"):
        assert hidden not in text
    assert all(line["order"] == "A-1" and line["payments"] == ["p1", "p2"] for line in lines.lines)
    plain = lines.plain_lines[0]
    assert "order=A-1" in plain
    assert plain.isprintable()


async def test_readiness_tells_of_gateways_and_of_the_worker(here: Program) -> None:
    told = (await here.client.get("/readyz")).json()
    assert told == {"status": "ready", "mode": "mock", "gateways": {"cashflows": "in use"}, "worker": "keeps up"}
    assert (await here.client.get("/healthz")).json() == {"status": "alive"}
