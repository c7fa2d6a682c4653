"""Paths, queries and headers: traversal, injection, redirects, and what another site might make a browser send."""

import pytest

from tests.api.program import Program

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = [
    "/../backend/config.py", "/%2e%2e/%2e%2e/etc/passwd", "/static/../../config.py", "/static/%2e%2e/%2e%2e/config.py",
    "/console/%2e%2e/%2e%2e/server.py", "/api/orders/..%2f..%2fetc%2fpasswd", "/.env", "/.git/config", "/backend/.env",
    "/api/orders/%00", "/api/orders/%ff", "/api//orders", "/api/orders/A%0d%0aSet-Cookie:%20a=b", "/api/orders/A%09B",
    "/api/orders/%E2%80%AE", "/api/orders/<script>", "/api/orders/'%20OR%201=1--", "/api/orders/%7B%22$gt%22:%22%22%7D",
    "/server-status", "/wp-login.php", "/actuator/env", "/debug", "/api/payment/create/..;/", "/api/payment/success/x",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_leads_out_of_the_house(here: Program, path: str) -> None:
    response = await here.client.get(path, headers=here.headers())
    assert response.status_code in (400, 404, 405), (response.status_code, response.text[:200])
    assert "set-cookie" not in response.headers
    assert response.headers["content-type"] == "application/problem+json"
    assert "root:" not in response.text


REFERENCES = [
    "//evil.example", "https://evil.example", "\\\\evil.example", "javascript:alert(1)", "A%0d%0aLocation:%20//evil",
    "..%2f..", "%3Cscript%3Ealert(1)%3C/script%3E", "A&status=paid", "A%26status=captured", "%00", "%u202e", "A" * 400,
]  # fmt: skip


@pytest.mark.parametrize("page", ["success", "cancel"])
@pytest.mark.parametrize("reference", REFERENCES)
async def test_the_return_page_goes_nowhere_and_believes_nothing(here: Program, page: str, reference: str) -> None:
    response = await here.client.get(
        f"/api/payment/{page}?ref={reference}", headers={"Accept": "text/html"}, follow_redirects=False
    )
    assert response.status_code in (200, 400, 404, 422), response.text[:200]
    assert "evil.example" not in response.headers.get("location", "")
    assert "<script>alert(1)" not in response.text
    assert "javascript:" not in response.text


@pytest.mark.parametrize("status", ["paid", "captured", "success", "PAID"])
async def test_a_forged_status_in_the_address_changes_nothing(here: Program, status: str) -> None:
    reference = f"FORGED-{status}"
    await here.create(order_reference=reference)
    await here.client.get(f"/api/payment/success?ref={reference}&status={status}&paid=true")
    assert (await here.order(reference)).json()["status"] == "pending"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "DELETE", "PATCH", "FOO"])
@pytest.mark.parametrize("path", ["/api/payment/create", "/api/webhooks/cashflows", "/api/orders/X", "/healthz"])
async def test_a_method_that_means_nothing_is_refused(here: Program, method: str, path: str) -> None:
    response = await here.client.request(method, path, headers=here.headers())
    assert response.status_code in (404, 405), response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000.evil.example", "https://localhost:3000", "*"]
)
async def test_another_site_may_not_read_our_answers(here: Program, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    before = await here.client.options("/api/payment/create", headers=asked)
    after = await here.client.get("/healthz", headers={"Origin": origin})
    for response in (before, after):
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "name",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Original-URL", "X-HTTP-Method-Override", "X-Request-ID", "Cookie"],
)
@pytest.mark.parametrize("value", ["127.0.0.1, evil", "<script>alert(1)</script>", "a" * 4000, "\x1b[31mred", "a\tb"])
async def test_a_header_is_data_and_never_an_instruction(here: Program, name: str, value: str) -> None:
    response = await here.client.get("/api/orders/X", headers={**here.headers(), name: value})
    assert response.status_code in (400, 404), response.text
    assert "\x1b" not in response.text
    assert value not in response.headers.get("location", "")
    assert "<script>" not in response.headers.get("x-request-id", "")
