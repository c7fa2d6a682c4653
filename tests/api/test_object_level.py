"""Who may do what with an order, for every endpoint: an endpoint that is not in the table fails.

The order is Alice's, and paid. ``ok`` is let through, whatever comes of it then.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from backend.api.description import operations
from backend.api.layers.idempotency import takes_key
from backend.domain.roles import Role, new_operator_key

from .openapi_snapshot import application
from .operator.desk import Desk
from .program import CREATE, Program, problem, program, token

OK: Final = "ok"
CALLERS: Final = ("nobody", "mallory", "alice", "service", "viewer", "refunder", "admin", "admin token")
KEYS: Final = {role: new_operator_key(f"{role}-anna", role) for role in Role}
WHY: Final = {"reason": "the customer sent it back"}
CHECKOUT: Final = {name: value for name, value in CREATE.items() if name != "amount"} | {
    "lines": [{"name": "Entry", "quantity": 1, "unit_price": "100.00"}]
}
REGISTER: Final = {
    "amount": "100.00",
    "currency": "GBP",
    "customer_id": "alice",
    "customer_email": "test@example.com",
    "customer_name": "Test User",
}


@dataclass(frozen=True)
class Row:
    """``answers``: for each of ``CALLERS``, what they get about Alice's order."""

    answers: str
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    key: str | None = None


#                             nobody mallory alice service viewer refunder admin token
PUBLIC: Final = "             ok     ok      ok    ok      ok     ok       ok    ok"
RETURN: Final = "             ok     404     ok    ok      ok     ok       ok    ok"
OWNER: Final = "              401    404     ok    ok      ok     ok       ok    ok"
STARTS: Final = "             401    409     ok    403     403    403      403   409"
SERVER: Final = "             401    403     403   ok      403    403      403   403"
VIEWS: Final = "              401    403     403   403     ok     ok       ok    ok"
REFUNDS: Final = "            401    403     403   403     403    ok       ok    ok"
DECIDES: Final = "            401    403     403   403     403    403      ok    ok"

ORDERS: Final = "/api/operator/orders"
ORDER: Final = ORDERS + "/{order_reference}"
ENDPOINT: Final = "/api/operator/notification-endpoint"
OPERATION: Final = ORDER + "/operations/{number}"
TABLE: Final = {
    # The reference is taken, and whoever chose it must be told, but not whose it is or for how much.
    "POST /api/payment/create": Row(STARTS, CREATE | {"amount": "100.00"}),
    "POST /api/checkout/complete": Row(STARTS, CHECKOUT),
    # A browser that comes back from the gateway brings no token: it sees no more than the status and the amount.
    "GET /api/payment/success": Row(RETURN, query={"ref": "TEST-001"}),
    "GET /api/payment/cancel": Row(RETURN, query={"ref": "TEST-001"}),
    "GET /api/orders/{order_reference}": Row(OWNER),
    "PUT /api/orders/{order_reference}": Row(SERVER, REGISTER),
    # Gateways sign their deliveries, or are asked whether they are true.
    "POST /api/webhooks/{gateway}": Row("401 " * len(CALLERS), {"status": "captured"}),
    "POST /api/webhooks/{gateway}/{token}": Row("401 " * len(CALLERS), {"status": "captured"}),
    "GET /healthz": Row(PUBLIC),
    "GET /readyz": Row(PUBLIC),
    f"GET {ORDERS}": Row(VIEWS),
    f"GET {ORDER}": Row(VIEWS),
    "GET /api/operator/deliveries": Row(VIEWS),
    "GET /api/operator/money-at-risk": Row(VIEWS),
    f"POST {ORDER}/operations": Row(REFUNDS, WHY | {"kind": "refund", "number": 1, "amount": "1.00"}),
    f"POST {OPERATION}/approve": Row(REFUNDS),
    f"POST {OPERATION}/abandon": Row(REFUNDS, WHY),
    f"POST {OPERATION}/resolve": Row(DECIDES, {"carried_out": True, "evidence": "the portal shows it"}),
    f"POST {ORDER}/check": Row(REFUNDS),
    f"POST {ORDER}/cancel": Row(DECIDES, WHY),
    f"POST {ORDER}/reinstate": Row(DECIDES, WHY),
    f"POST {ORDER}/attention/resolve": Row(DECIDES, {"code": "refund_made_elsewhere", "evidence": "the portal"}),
    "POST /api/operator/deliveries/{delivery_id}/replay": Row(REFUNDS),
    "POST /api/operator/deliveries/{delivery_id}/acknowledge": Row(REFUNDS),
    "POST /api/operator/gateways/{gateway}/resume": Row(DECIDES),
    f"GET {ORDER}/notifications": Row(VIEWS),
    f"POST {ORDER}/notifications/{{number}}/redeliver": Row(REFUNDS),
    f"GET {ENDPOINT}": Row(VIEWS),
    f"POST {ENDPOINT}/test": Row(REFUNDS),
    f"POST {ENDPOINT}/pause": Row(DECIDES, WHY),
    f"POST {ENDPOINT}/resume": Row(DECIDES),
}

PERSONAL: Final = {"customer_email", "customer_name", "owner", "customer_id", "headers", "body"}

ROUTES: Final = {
    f"{method} {route.path_format}"
    for route in (context.original_route for context in iter_route_contexts(application().routes))
    if isinstance(route, APIRoute)
    for method in route.methods or ()
}
PAGES: Final = sorted(name for name in ROUTES if " /console" in name and not name.endswith("/sign-in"))
"""Of the console: each asks for a session first, and a token of the API is none."""
ELSEWHERE: Final = {
    "GET /console/sign-in",
    "POST /console/sign-in",
    "GET /metrics",  # tests/observability/test_metrics.py
    "GET /docs",
    "GET /docs/oauth2-redirect",
}

ENDPOINTS: Final = {f"{method.upper()} {path}" for path, method, _ in operations(application().openapi())}


def test_every_endpoint_is_in_the_table() -> None:
    assert TABLE.keys() == ENDPOINTS, "say in TABLE who may use the endpoint, and what others get"


def test_no_route_is_forgotten() -> None:
    assert TABLE.keys() | set(PAGES) | ELSEWHERE == ROUTES


async def test_no_page_of_the_console_opens_without_signing_in(desk: Desk) -> None:
    await desk.ask("refund", amount="1.00")
    before = await desk.order()
    for name in PAGES:
        method, path = name.split()
        named = {"number": 1, "decision": "approve", "sequence": 1, "delivery_id": "x", "what": "pause"}
        address = path.format(order_reference="TEST-001", **named)
        for caller in CALLERS:
            answer = await ask(desk.program, caller, method, address, Row("", body={}))
            assert answer.status_code == 303, name
            assert answer.headers["location"].startswith("/console/sign-in")
    assert await desk.order() == before


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    entries = ",".join(entry for _, entry in KEYS.values())
    async with program(tmp_path, operator_keys=entries) as running:
        desk = Desk(running, {role: key for role, (key, _) in KEYS.items()})
        await desk.pay()
        yield desk


@pytest.mark.parametrize("name", TABLE)
async def test_each_caller_gets_what_the_table_says(desk: Desk, name: str) -> None:
    row, (method, path) = TABLE[name], name.split()
    address = await filled(desk, path)
    got = {caller: await ask(desk.program, caller, method, address, row) for caller in CALLERS}
    expected = dict(zip(CALLERS, row.answers.split(), strict=True))
    assert {caller: verdict(answer, expected[caller]) for caller, answer in got.items()} == expected
    for caller in CALLERS[:2]:
        assert_tells_nothing(got[caller], method)


@pytest.mark.parametrize("name", [name for name in TABLE if takes_key(*name.split())])
async def test_everything_that_writes_answers_the_same_to_the_same_idempotency_key(desk: Desk, name: str) -> None:
    row, (method, path) = TABLE[name], name.split()
    address = await filled(desk, path)
    caller = {SERVER: "service", STARTS: "alice"}.get(row.answers, "admin")
    first, again, other = [
        await ask(desk.program, caller, method, address, replace(row, body=body, key="one"))
        for body in (row.body, row.body, {"other": "body"})
    ]
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    problem(other, 422, "idempotency-key-reused")
    assert not PERSONAL & fields_of(first.json()), "an answer that is kept names no customer"


@pytest.mark.parametrize("name", [name for name in TABLE if "{order_reference}" in name and not name.startswith("PUT")])
async def test_an_order_that_is_not_there_is_a_404_for_whoever_may_see_all(desk: Desk, name: str) -> None:
    row, (method, path) = TABLE[name], name.split()
    answer = await ask(desk.program, "admin", method, path.format(order_reference="MISSING", number=1), row)
    assert answer.status_code == 404
    assert answer.json()["type"].endswith(":no-such-order")


async def test_another_customers_order_is_told_from_a_missing_one_by_nothing(desk: Desk) -> None:
    for path in ("/api/orders/{}", "/api/payment/success?ref={}", "/api/payment/cancel?ref={}"):
        theirs, missing = [
            await ask(desk.program, "mallory", "GET", path.format(reference), Row(""))
            for reference in ("TEST-001", "MISSING")
        ]
        assert theirs.status_code == missing.status_code == 404
        assert theirs.text.replace("TEST-001", "MISSING") == missing.text


async def filled(desk: Desk, path: str) -> str:
    """The address of something that is there."""
    delivery = (await desk.delivered())[0]["id"]
    if "/operations/{number}" in path:
        await desk.ask("refund", amount="1.00")
    return path.format(order_reference="TEST-001", number=1, gateway="cashflows", token="t", delivery_id=delivery)


def fields_of(part: Any) -> set[str]:
    if isinstance(part, list):
        return {name for each in part for name in fields_of(each)}
    return set(part) | fields_of(list(part.values())) if isinstance(part, dict) else set()


async def ask(here: Program, caller: str, method: str, address: str, row: Row) -> httpx.Response:
    credentials = {
        "nobody": None,
        "mallory": token("mallory"),
        "alice": token("alice"),
        "admin token": token("boss", is_admin=True),
    }
    bearer = credentials[caller] if caller in credentials else KEYS[Role(caller)][0]
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    if row.key is not None:
        headers["Idempotency-Key"] = row.key
    return await here.client.request(method, address, json=row.body, params=row.query or None, headers=headers)


def verdict(answer: httpx.Response, expected: str) -> str:
    """A conflict is no refusal where the caller is let through."""
    if expected == OK and answer.status_code not in (401, 403, 404):
        assert answer.status_code < 500, answer.text
        return OK
    return str(answer.status_code)


def assert_tells_nothing(answer: httpx.Response, method: str) -> None:
    hidden = ["Test User", "test@example.com", "alice"] + ["100.00"] * (method == "POST")
    assert not [text for text in hidden if text in answer.text]
