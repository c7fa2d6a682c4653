from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from backend.domain.model import Order, OrderId
from backend.stores import SqliteStore

from .program import CREATE, Program, problem, program

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


class Outside(HTMLParser):
    """Collects what a page would load from elsewhere, and scripts written into it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        source = told.get("src") or (told.get("href") if tag == "link" else None)
        if (source and urlsplit(source).netloc) or (tag == "script" and not source) or tag == "iframe":
            self.found.append(f"{tag} {source}")
        self.found.extend(name for name in told if name.startswith("on"))


@pytest.mark.parametrize("page", ["success", "cancel"])
async def test_a_return_page_reports_what_the_store_knows_whatever_its_address_claims(here: Program, page: str) -> None:
    await here.create()
    forged = f"/api/payment/{page}?ref=TEST-001&status=paid&paymentref=1&ordernumber=OTHER"
    as_json = (await here.client.get(forged)).json()
    assert as_json["status"] == "pending"
    assert set(as_json) == {"order_reference", "status", "amount", "currency", "awaiting", "is_mocked"}
    html = (await here.client.get(forged, headers=BROWSER)).text
    assert {"success": "waiting for your payment", "cancel": "No payment has reached us"}[page] in html
    assert "Test User" not in html
    assert "test@example.com" not in html
    assert (await here.order()).json()["status"] == "pending"


@pytest.mark.parametrize("query", ["", "?ref=", "?ref=UNKNOWN", "?ref=%00", "?ref=%3Cscript%3E", "?ref[]=a"])
async def test_an_unknown_order_is_a_404_for_clients_and_browsers(here: Program, query: str) -> None:
    problem(await here.client.get(f"/api/payment/success{query}"), 404, "no-such-order")
    page = await here.client.get(f"/api/payment/success{query}", headers=BROWSER)
    assert page.status_code == 404
    assert "We do not know this order" in page.text


async def test_coming_back_without_an_order_from_a_cancelled_page_is_no_error(here: Program) -> None:
    answer = await here.client.get("/api/payment/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "unknown")
    assert (await here.client.get("/api/payment/cancel", headers=BROWSER)).status_code == 200
    problem(await here.client.get("/api/payment/cancel?ref=UNKNOWN"), 404, "no-such-order")


async def test_with_a_frontend_customers_are_sent_there(tmp_path: Path) -> None:
    async with program(tmp_path, frontend_url="https://rafflestack.example/") as here:
        await here.create(order_reference="A/1")
        response = await here.client.get("/api/payment/cancel?ref=A/1&next=//evil.example", headers=BROWSER)
        assert response.status_code == 303
        assert response.headers["location"] == "https://rafflestack.example/payment/cancel?ref=A%2F1"
        assert (await here.client.get("/api/payment/cancel?ref=A/1")).json()["status"] == "pending"


@pytest.mark.parametrize("path", ["/try-out", "/api/payment/success?ref=TEST-001", "/api/payment/success"])
async def test_pages_load_nothing_from_elsewhere_and_forbid_it(here: Program, path: str) -> None:
    await here.create()
    response = await here.client.get(path, headers=BROWSER)
    outside = Outside()
    outside.feed(response.text)
    assert outside.found == []
    assert '<link rel="icon" href="/static/icon.svg"' in response.text, "else the browser asks for /favicon.ico"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_try_out_page_exists_in_mock_mode_only(tmp_path: Path) -> None:
    credentials: dict[str, Any] = {"cashflows_merchant_id": "1", "cashflows_api_key": "k", "cashflows_api_secret": "s"}
    async with program(tmp_path, cashflows_gateway_url="http://127.0.0.1:9", **credentials) as integration:
        for path in ("/", "/try-out", "/sandbox/", "/sandbox/faults"):
            problem(await integration.client.get(path), 404, "not-found")
        assert (await integration.client.get("/readyz")).json()["mode"] == "integration"


async def test_the_framework_answers_with_problems_too(here: Program) -> None:
    problem(await here.client.get("/nothing"), 404, "not-found")
    problem(await here.client.delete("/api/payment/create"), 405, "method-not-allowed")
    problem(await here.client.put("/api/webhooks/cashflows"), 405, "method-not-allowed")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/orders/TEST-001", "GET, PUT"),
        ("/api/payment/create", "POST"),
        ("/api/operator/orders", "GET"),
        ("/api/operator/orders/TEST-001", "GET"),
        ("/api/operator/orders/TEST-001/cancel", "POST"),
        ("/api/operator/orders/TEST-001/operations/1/approve", "POST"),
        ("/api/webhooks/cashflows", "POST"),
    ],
)
async def test_a_method_that_is_not_taken_is_told_which_ones_are(here: Program, path: str, allowed: str) -> None:
    for method in ("OPTIONS", "DELETE"):
        answer = await here.client.request(method, path)
        problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == allowed


async def test_an_unreachable_gateway_is_a_503_that_says_when_to_come_back(tmp_path: Path) -> None:
    credentials: dict[str, Any] = {"cashflows_merchant_id": "1", "cashflows_api_key": "k", "cashflows_api_secret": "s"}
    async with program(tmp_path, cashflows_gateway_url="http://127.0.0.1:9", **credentials) as integration:
        response = await integration.create()
        problem(response, 503, "gateway-unavailable")
        assert int(response.headers["retry-after"]) > 0


async def test_health_and_readiness(here: Program) -> None:
    assert (await here.client.get("/healthz")).json() == {"status": "alive"}
    ready = {"status": "ready", "mode": "mock", "gateways": {"cashflows": "in use"}, "worker": "keeps up"}
    assert (await here.client.get("/readyz")).json() == ready


async def test_only_listed_origins_may_call_from_their_pages(here: Program) -> None:
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    assert (await here.client.options("/api/payment/create", headers=asked)).status_code == 200
    refused = await here.client.options("/api/payment/create", headers=asked | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in refused.headers
    preflight = await here.client.options(
        "/api/payment/create", headers=asked | {"Access-Control-Request-Headers": "authorization,content-type"}
    )
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_the_api_describes_itself(here: Program) -> None:
    described = (await here.client.get("/openapi.json")).json()
    amount = described["components"]["schemas"]["CreatePayment"]["properties"]["amount"]
    assert [kind["type"] for kind in amount["anyOf"]] == ["number", "string"]
    create = described["paths"]["/api/payment/create"]["post"]
    assert {"200", "401", "409", "422", "503"} <= set(create["responses"])
    docs = await here.client.get("/docs")
    assert docs.status_code == 200
    outside = Outside()
    outside.feed(docs.text)
    assert [found for found in outside.found if "//" in found] == []


async def test_nothing_that_was_sent_is_repeated_in_an_error(here: Program) -> None:
    response = await here.create(customer_email="canary-7f3a", amount="canary-7f3b", currency="canary-7f3c")
    assert "canary" not in response.text
    assert CREATE["customer_name"] not in response.text


class FaultyStore(SqliteStore):
    async def get(self, order_id: OrderId) -> Order | None:
        raise KeyError(f"a fault of ours at {order_id}")


@pytest.mark.parametrize("path", ["/api/orders/TEST-001", "/api/payment/success?ref=TEST-001"])
async def test_what_nobody_expected_is_answered_once_and_under_its_id(
    tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the route is called directly or by the framework."""
    async with program(tmp_path, store=lambda _: FaultyStore(tmp_path / "orders.sqlite3")) as here:
        answer = await here.client.get(path, headers=here.headers() | {"X-Request-ID": "request-0001"})
    problem(answer, 500, "internal-error")
    assert answer.headers.get_list("x-request-id") == ["request-0001"]
    assert "a fault of ours" not in answer.text
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]
