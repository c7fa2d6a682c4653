"""Capture, void and refund over HTTP: who may, what is answered, and that a repeat costs nothing."""

import asyncio

import pytest

from backend.domain.roles import Role

from ..program import problem, token
from .desk import Desk


async def test_a_refund_is_asked_for_sent_and_told(desk: Desk) -> None:
    order = await desk.pay()
    assert (order["status"], order["next_operation"]) == ("paid", 1)
    assert {
        "kind": "refund",
        "payment_reference": order["jobs"][0]["payments"][0]["payment_reference"],
        "most": "100.00",
    } in (order["offers"])
    answer = await desk.ask("refund", amount="30.00")
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["status"], done["operation"]["state"]) == ("partially_refunded", "succeeded")
    assert (done["operation"]["asked_by"], done["operation"]["amount"]) == ("refunder-key", "30.00")
    after = await desk.order()
    assert (after["refunded"], after["next_operation"], after["defects"]) == ("30.00", 2, [])
    assert [entry["actor"] for entry in after["history"] if entry["what"] == "operation_planned"] == [
        "operator refunder-key"
    ]


async def test_a_double_click_is_one_refund(desk: Desk) -> None:
    await desk.pay()
    answers = await asyncio.gather(*(desk.ask("refund", amount="30.00") for _ in range(5)))
    assert {answer.json()["operation"]["number"] for answer in answers} == {1}
    assert (await desk.order())["refunded"] == "30.00"
    refused = problem(await desk.ask("refund", amount="31.00"), 409, "operation-not-possible")
    assert "look at the order again" in refused["detail"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"amount": "100.01"}, "at most 100.00 GBP"),
        ({"amount": "0"}, "more than zero"),
        ({"number": 2}, "operation 1 of this order"),
        ({"payment_reference": "260000000000000001"}, "no such payment"),
        ({"kind": "capture"}, "does not allow a capture now; it allows refund, void"),
        ({"kind": "void", "amount": "1.00"}, "at most 100.00 GBP"),
    ],
)
async def test_what_is_not_possible_is_refused_with_what_is(desk: Desk, changes: dict[str, str], says: str) -> None:
    await desk.pay()
    answer = await desk.ask(**{"kind": "refund", "number": 1, **changes})  # type: ignore[arg-type]
    assert says in problem(answer, 409, "operation-not-possible")["detail"]
    assert (await desk.order())["operations"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "refund", "number": 1},
        {"kind": "refund", "number": "1", "reason": "because"},
        {"kind": "refund", "number": 0, "reason": "because"},
        {"kind": "refund", "number": 7862402410996162560, "reason": "because"},
        {"kind": "chargeback", "number": 1, "reason": "because"},
        {"kind": "refund", "number": 1, "reason": "no"},
        {"kind": "refund", "number": 1, "reason": "    "},
        {"kind": "refund", "number": 1, "reason": " no "},
        {"kind": "refund", "number": 1, "reason": "\u00a0\u2003\u200b\ufeff\u3000"},
        {"kind": "refund", "number": 1, "reason": "card 4111 1111 1111 1111"},
        {"kind": "refund", "number": 1, "reason": "because", "amount": "ten"},
        {"kind": "refund", "number": 1, "reason": "because", "amount": "1.001"},
        {"kind": "refund", "number": 1, "reason": "because", "payment_reference": "4111111111111111"},
        {"kind": "refund", "number": 1, "reason": "because", "extra": True},
    ],
)
async def test_a_malformed_ask_is_refused(desk: Desk, body: dict[str, object]) -> None:
    await desk.pay()
    answer = await desk.post("orders/TEST-001/operations", body)
    assert problem(answer, 422, "invalid-request")
    assert "4111" not in answer.text
    assert (await desk.order())["operations"] == []


async def test_a_large_refund_waits_for_another_person(desk: Desk) -> None:
    await desk.pay()
    asked = await desk.ask("refund", amount="50.01")
    assert (asked.status_code, asked.json()["operation"]["state"]) == (202, "planned")
    assert "somebody other than refunder-key approves refund 1" in str((await desk.order())["explanation"])
    approve = "orders/TEST-001/operations/1/approve"
    problem(await desk.post(approve, role=Role.REFUNDER), 409, "operation-not-possible")
    approved = await desk.post(approve, role=Role.ADMIN)
    assert (approved.status_code, approved.json()["operation"]["state"]) == (200, "succeeded")


async def test_a_planned_operation_can_be_given_up(desk: Desk) -> None:
    await desk.pay()
    await desk.ask("refund", amount="60.00")
    given_up = await desk.post("orders/TEST-001/operations/1/abandon", {"reason": "a mistake"}, Role.REFUNDER)
    assert given_up.json()["operation"]["state"] == "abandoned"
    again = await desk.post("orders/TEST-001/operations/1/abandon", {"reason": "a mistake"}, Role.REFUNDER)
    assert "operation 1 is abandoned" in problem(again, 409, "operation-not-possible")["detail"]
    missing = await desk.post("orders/TEST-001/operations/7/abandon", {"reason": "a mistake"})
    assert "no operation 7" in problem(missing, 409, "operation-not-possible")["detail"]


async def test_an_unknown_outcome_is_answered_so_and_resolved_by_a_person(desk: Desk) -> None:
    await desk.pay()
    script = {"scripts": ["lost-request.refund"]}
    await desk.program.client.put("/sandbox/control/faults/TEST-001", json=script)
    asked = await desk.ask("refund", amount="30.00")
    assert (asked.status_code, asked.json()["operation"]["state"]) == (202, "unknown")
    resolve = "orders/TEST-001/operations/1/resolve"
    found = {"carried_out": False, "evidence": "the portal lists no refund"}
    problem(await desk.post(resolve, found, Role.REFUNDER), 403, "not-allowed")
    resolved = (await desk.post(resolve, found)).json()
    assert resolved["operation"]["state"] == "rejected"
    assert resolved["operation"]["outcome"] == "admin-key: the portal lists no refund"


async def test_only_the_roles_that_may_can_move_money(desk: Desk) -> None:
    await desk.pay()
    for role in (Role.VIEWER, Role.SERVICE):
        refused = problem(await desk.ask("refund", role=role), 403, "not-allowed")
        assert "needs the role refunder" in refused["detail"]
    body = {"kind": "refund", "number": 1, "reason": "because"}
    path = "/api/operator/orders/TEST-001/operations"
    problem(await desk.program.client.post(path, json=body), 401, "not-authenticated")
    problem(await desk.program.client.post(path, json=body, headers=desk.program.headers()), 403, "not-allowed")
    forged = {"Authorization": "Bearer ok_" + "a" * 43}
    problem(await desk.program.client.post(path, json=body, headers=forged), 401, "not-authenticated")
    assert (await desk.order())["operations"] == []
    admin = {"Authorization": f"Bearer {token('olga', is_admin=True)}"}
    assert (await desk.program.client.post(path, json=body | {"amount": "1.00"}, headers=admin)).status_code == 200
