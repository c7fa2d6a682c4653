"""Searching orders, seeing one whole, and what a person decides."""

import base64
from typing import Any

import pytest

from backend.domain.roles import Role

from ..program import problem
from .desk import Desk


async def references(desk: Desk, **query: Any) -> list[str]:
    answer = await desk.get("orders", **query)
    assert answer.status_code == 200, answer.text
    return [row["order_reference"] for row in answer.json()["orders"]]


async def test_orders_are_found_by_each_of_their_marks(desk: Desk) -> None:
    for number, (user, email) in enumerate([("alice", "a@example.com"), ("bob", "B@example.com")], start=1):
        await desk.program.create(user, order_reference=f"RS/{number}", customer_email=email, amount=f"{number}.50")
    paid = await desk.pay()
    job = paid["jobs"][0]
    assert await references(desk) == ["TEST-001", "RS/2", "RS/1"]
    assert await references(desk, reference="RS/1") == ["RS/1"]
    assert await references(desk, email="b@EXAMPLE.com") == ["RS/2"]
    assert await references(desk, status="paid") == ["TEST-001"]
    assert await references(desk, gateway_reference=job["job_reference"]) == ["TEST-001"]
    assert await references(desk, gateway_reference=job["payments"][0]["payment_reference"]) == ["TEST-001"]
    assert await references(desk, amount="1.5", currency="GBP") == ["RS/1"]
    assert await references(desk, placed_from=paid["placed_at"]) == ["TEST-001"]
    assert await references(desk, placed_until=paid["placed_at"]) == ["RS/2", "RS/1"]
    assert await references(desk, needs_attention=True) == []


async def test_pages_follow_one_another_without_a_gap(desk: Desk) -> None:
    for number in range(5):
        await desk.program.create(order_reference=f"P-{number}")
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await desk.get("orders", **query)).json()
        seen += [row["order_reference"] for row in page["orders"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ["P-4", "P-3", "P-2", "P-1", "P-0"]


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "nonsense"},
        {"cursor": base64.urlsafe_b64encode(b"2026-03-02T12:00:00 x").decode()},
        {"cursor": base64.urlsafe_b64encode(b"2026-03-02T12:00:00+00:00 ").decode()},
        {"cursor": base64.urlsafe_b64encode(b"0001-01-01T00:00:00+14:00 x").decode()},
        {"cursor": base64.urlsafe_b64encode(b"9999-12-31T23:59:59-14:00 x").decode()},
        {"limit": 0},
        {"limit": 201},
        {"status": "happy"},
        {"amount": "10.00"},
        {"amount": "ten", "currency": "GBP"},
        {"currency": "pounds"[:3]},
        {"placed_from": "2026-03-02T12:00:00"},
        {"placed_from": "2026-03-02"},
        {"placed_from": "0001-01-01T00:00:00+14:00"},
        {"placed_until": "9999-12-31T23:59:59-14:00"},
        {"placed_until": "0.5"},
        {"placed_until": "1772452800"},
        {"email": "4111 1111 1111 1111"},
        {"reference": "x" * 255},
    ],
)
async def test_a_search_that_makes_no_sense_is_refused(desk: Desk, query: dict[str, Any]) -> None:
    answer = await desk.get("orders", **query)
    problem(answer, 422, "invalid-request")
    assert "4111" not in answer.text


async def test_an_order_is_shown_whole(desk: Desk) -> None:
    order = await desk.pay("A/1-2_3.4")
    assert (order["customer_name"], order["owner"], order["jobs"][0]["state"]) == ("Test User", "alice", "closed")
    kinds = [entry["what"] for entry in order["history"]]
    assert kinds[:3] == ["order_placed", "job_planned", "job_opened"]
    assert "operator_looked" in kinds
    observed = next(entry for entry in order["history"] if entry["what"] == "payment_observed")
    assert observed["details"]["fact"]["evidence"]["source"] in ("signed_webhook", "retrieval")
    assert (observed["status_before"], observed["status_after"]) == ("pending", "paid")
    assert order["explanation"]["known"][0].startswith("Order A/1-2_3.4 for 100.00 GBP")
    problem(await desk.get("orders/NO-SUCH"), 404, "no-such-order")
    problem(await desk.get("orders/" + "x" * 36), 404, "no-such-order")


async def test_an_unpaid_order_is_cancelled_and_reinstated(desk: Desk) -> None:
    await desk.program.create(amount="100.00")
    why = {"reason": "sold out"}
    problem(await desk.post("orders/TEST-001/cancel", why, Role.REFUNDER), 403, "not-allowed")
    cancelled = await desk.post("orders/TEST-001/cancel", why)
    assert cancelled.json()["status"] == "cancelled"
    problem(await desk.program.create(amount="100.00"), 409, "order-was-cancelled")
    assert (await desk.post("orders/TEST-001/reinstate", why)).status_code == 200
    assert (await desk.pay())["status"] == "paid"
    problem(await desk.post("orders/TEST-001/cancel", why), 409, "order-holds-money")


async def test_what_needs_a_person_is_shown_with_what_to_do_and_closed_with_evidence(desk: Desk) -> None:
    script = {"scripts": ["wrong-amount.read", "lost-webhook"]}
    await desk.program.client.put("/sandbox/control/faults/TEST-001", json=script)
    order = await desk.pay()
    assert (order["status"], order["needs_attention"]) == ("review", ["underpaid"])
    assert await references(desk, needs_attention=True) == ["TEST-001"]
    (item,) = order["attention"]
    assert item["what_to_do"] == "refund the payment, and have the customer pay again"
    at_risk = (await desk.get("money-at-risk")).json()["amounts"]
    assert at_risk == {"GBP": item["at_risk"]} != {"GBP": "0.00"}
    closing = {"code": "underpaid", "evidence": "the portal shows the right amount"}
    problem(await desk.post("orders/TEST-001/attention/resolve", closing, Role.REFUNDER), 403, "not-allowed")
    assert (await desk.post("orders/TEST-001/attention/resolve", closing)).json()["needs_attention"] == []
    (item,) = (await desk.order())["attention"]
    assert (item["resolved_by"], item["resolution"]) == ("admin-key", "the portal shows the right amount")
    again = await desk.post("orders/TEST-001/attention/resolve", closing)
    problem(again, 409, "nothing-to-resolve")


async def test_the_money_at_risk_is_one_figure_a_currency(desk: Desk) -> None:
    await desk.pay()
    assert (await desk.get("money-at-risk")).json()["amounts"] == {}
    told = (await desk.get("money-at-risk")).json()
    assert told["longest_waiting_look"] is not None
    assert told["paid_to_known"]["payments"] == 1
    assert 0 <= told["paid_to_known"]["longest_seconds"] < 60
