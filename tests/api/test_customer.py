"""What a shop says of its customer: kept with the order as it was said, or refused by name."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.model import OrderId
from backend.domain.terms import Address, Customer, OrderLine
from backend.stores import MemoryStore

from .program import CREATE, Program, problem, program

ADDRESS = {"line_1": "1 High Street", "line_2": "Flat 2", "city": "London", "postcode": "SW1A 1AA", "country": "GB"}
CUSTOMER = {
    "customer_phone": "+44 20 7946 0018",
    "billing_address": ADDRESS,
    "shipping_address": {"line_1": "2 Low Street"},
    "locale": "nl-NL",
}
LINE = {"name": "Entry", "sku": "SKU-1", "quantity": 2, "unit_price": "5.00"}


async def test_everything_a_shop_knows_is_kept_with_the_order(tmp_path: Path) -> None:
    store = MemoryStore()
    async with program(tmp_path, lambda _: store) as here:
        body: dict[str, Any] = {name: CREATE[name] for name in ("currency", "customer_email", "customer_name")}
        body |= CUSTOMER | {"order_reference": "CART-7", "lines": [LINE]}
        answer = await here.client.post("/api/checkout/complete", json=body, headers=here.headers())
        assert answer.status_code == 200, answer.text
        order = await store.get(OrderId("mock/CART-7"))
    assert order is not None
    assert order.terms.customer == Customer(
        email="test@example.com",
        name="Test User",
        phone="+44 20 7946 0018",
        billing_address=Address("1 High Street", "Flat 2", "London", "SW1A 1AA", "", "GB"),
        shipping_address=Address("2 Low Street"),
    )
    assert order.terms.lines == (OrderLine("Entry", 2, 500, "SKU-1"),)
    assert order.terms.locale == "nl_NL"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"billing_address": {"country": "United Kingdom"}}, "billing_address.country"),
        ({"billing_address": {"line_1": "card 4111 1111 1111 1111"}}, "billing_address.line_1"),
        ({"shipping_address": {"street": "1 High Street"}}, "shipping_address.street"),
        ({"shipping_address": "1 High Street"}, "shipping_address"),
        ({"locale": "English"}, "locale"),
        ({"customer_phone": "0" * 33}, "customer_phone"),
    ],
)
async def test_what_cannot_be_passed_on_is_refused_by_name(here: Program, changes: dict[str, Any], field: str) -> None:
    refused = problem(await here.create(**changes), 422, "invalid-request")
    assert [error["field"] for error in refused["errors"]] == [field]
