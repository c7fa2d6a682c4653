"""The shop's server registers orders; where that is required, a browser cannot choose its own price."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.domain.roles import Role, new_operator_key

from .program import CREATE, Program, problem, program, token

KEY, ENTRY = new_operator_key("shop", Role.SERVICE)
ADMIN_KEY, ADMIN_ENTRY = new_operator_key("anna", Role.ADMIN)
REGISTER: dict[str, Any] = {
    "amount": "10.00",
    "currency": "GBP",
    "customer_id": "alice",
    "customer_email": "test@example.com",
    "customer_name": "Test User",
}


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Program]:
    settings: dict[str, Any] = {"operator_keys": f"{ENTRY},{ADMIN_ENTRY}", "require_registered_orders": True}
    async with program(tmp_path, **settings) as running:
        yield running


async def register(here: Program, reference: str = "TEST-001", key: str = KEY, **changes: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await here.client.put(f"/api/orders/{reference}", json=REGISTER | changes, headers=headers)


async def test_a_registered_order_is_paid_at_its_amount(strict: Program) -> None:
    registered = await register(strict)
    assert registered.status_code == 201
    assert registered.json()["status"] == "pending"
    assert registered.json()["awaiting"] == "the customer starts the payment"
    started = await strict.create()
    assert started.status_code == 200
    assert (await strict.create()).json() == started.json()


@pytest.mark.parametrize("changes", [{"amount": "0.01"}, {"currency": "EUR"}])
async def test_a_browser_does_not_choose_its_own_price(strict: Program, changes: dict[str, str]) -> None:
    await register(strict)
    problem(await strict.create(**changes), 409, "order-amount-differs")
    assert (await strict.order()).json()["payments"] == []


async def test_an_order_that_is_not_registered_or_another_customers_is_a_404(strict: Program) -> None:
    await register(strict)
    missing = problem(await strict.create(order_reference="NEW"), 404, "order-not-registered")
    theirs = problem(await strict.create("mallory"), 404, "order-not-registered")
    assert missing["detail"].replace("NEW", "TEST-001") == theirs["detail"]
    assert (await strict.order("NEW")).status_code == 404


async def test_lines_from_a_browser_are_held_against_the_registered_amount(strict: Program) -> None:
    await register(strict)
    asked = {name: value for name, value in CREATE.items() if name != "amount"}
    for price, status in (("9.99", 409), ("10.00", 200)):
        lines = [{"name": "Entry", "quantity": 1, "unit_price": price}]
        answer = await strict.client.post(
            "/api/checkout/complete", json=asked | {"lines": lines}, headers=strict.headers()
        )
        assert answer.status_code == status, answer.text
    del asked["order_reference"]
    answer = await strict.client.post("/api/checkout/complete", json=asked | {"lines": lines}, headers=strict.headers())
    problem(answer, 404, "order-not-registered")


async def test_the_same_registration_again_is_a_200_also_once_it_is_being_paid(strict: Program) -> None:
    first, again = await register(strict), await register(strict, amount=10)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    await strict.create()
    assert (await register(strict)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "11.00"},
        {"currency": "EUR"},
        {"customer_id": "mallory"},
        {"customer_email": "other@example.com"},
        {"description": "other"},
    ],
)
@pytest.mark.parametrize("is_started", [False, True])
async def test_what_was_registered_does_not_change(strict: Program, changes: dict[str, str], is_started: bool) -> None:
    await register(strict)
    if is_started:
        await strict.create()
    problem(await register(strict, **changes), 409, "registration-differs")
    assert (await strict.order()).json()["amount"] == "10.00"


async def test_registering_at_once_makes_one_order(strict: Program) -> None:
    answers = await asyncio.gather(*(register(strict) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]


async def test_only_the_shops_server_registers(strict: Program) -> None:
    for credentials in (token(), token(is_admin=True), ADMIN_KEY):
        answer = await register(strict, key=credentials)
        assert "role service" in problem(answer, 403, "not-allowed")["detail"]
    problem(await register(strict, key="nonsense"), 401, "not-authenticated")


@pytest.mark.parametrize(
    ("reference", "changes", "field"),
    [
        ("a b", {}, "order_reference"),
        ("TEST-001", {"customer_id": ""}, "customer_id"),
        ("TEST-001", {"customer_id": "4111 1111 1111 1111"}, "customer_id"),
        ("TEST-001", {"amount": "0"}, "amount"),
        ("TEST-001", {"order_reference": "OTHER"}, "order_reference"),
    ],
)
async def test_a_wrong_registration_is_refused_by_name(
    strict: Program, reference: str, changes: dict[str, str], field: str
) -> None:
    answer = problem(await register(strict, reference, **changes), 422, "invalid-request")
    assert [error["field"] for error in answer["errors"]] == [field]


async def test_without_the_setting_registering_still_fixes_the_price(tmp_path: Path) -> None:
    async with program(tmp_path, operator_keys=ENTRY) as here:
        await register(here)
        problem(await here.create(amount="0.01"), 409, "order-amount-differs")
        assert (await here.create(order_reference="UNREGISTERED")).status_code == 200


async def test_an_order_that_a_customer_placed_cannot_be_registered_any_more(tmp_path: Path) -> None:
    async with program(tmp_path, operator_keys=ENTRY) as here:
        await here.create()
        problem(await register(here), 409, "registration-differs")
    async with program(tmp_path, operator_keys=ENTRY, require_registered_orders=True) as strict:
        problem(await strict.create(), 404, "order-not-registered")


@pytest.mark.parametrize("reference", ["A%0AB", "%0A", "A%0D%0AB", "A%1E", "%E2%80%A8"])
async def test_a_reference_with_a_line_break_is_refused_as_a_value(strict: Program, reference: str) -> None:
    answer = await register(strict, reference)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == ["order_reference"]
    assert (await strict.order(reference)).json()["type"].endswith(":no-such-order")
