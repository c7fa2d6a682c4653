from decimal import Decimal
from typing import Any

import pytest

from .program import CREATE, Program, problem

WITH_AMOUNT = (
    '{"amount": %s, "currency": "GBP", "order_reference": "A", "customer_email": "a@b.example", "customer_name": "T"}'
)


async def test_the_guides_call_works_as_it_stands(here: Program) -> None:
    body = (
        '{"amount": 10.00, "currency": "GBP", "order_reference": "TEST-001", '
        '"customer_email": "test@example.com", "customer_name": "Test User"}'
    )
    response = await here.create_raw(body)
    assert response.status_code == 200
    answer = response.json()
    assert answer["status"] == "success"
    assert answer["payment_job_reference"].isdigit()
    assert answer["payment_reference"].isdigit()
    assert answer["action_url"].startswith("http://shop.example/sandbox/payment?ref=")
    assert answer["is_mocked"] is True
    assert answer["message"] == "MOCKED: Please configure Cashflows credentials in backend/.env"


@pytest.mark.parametrize(
    "amount", ["10.00", "10", '"10.00"', '"10"', "10.0", "10.000", '"10.50"', "0.01", "10000000000.00"]
)
async def test_amounts_are_read_letter_by_letter(here: Program, amount: str) -> None:
    assert (await here.create_raw(WITH_AMOUNT % amount)).status_code == 200
    stored = (await here.order("A")).json()
    assert Decimal(stored["amount"]) == Decimal(amount.strip('"'))
    assert stored.get("amount_minor", True)


@pytest.mark.parametrize(
    "amount",
    ["0", "0.00", "-1", "-0", "10.001", "1e3", "1E3", "true", "null", "[]", "{}", '""', '"ten"', '"1,000.00"', '" 10"',
     '"1e3"', '"NaN"', "9" * 4000, "10000000000.01", '"+10"', "0.001", '"١٠"'],
)  # fmt: skip
async def test_what_is_no_payable_amount_is_refused_by_name(here: Program, amount: str) -> None:
    answer = problem(await here.create_raw(WITH_AMOUNT % amount), 422, "invalid-request")
    assert [error["field"] for error in answer["errors"]] == ["amount"]
    assert (await here.order("A")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"currency": "gbp"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": 826}, "currency"),
        ({"currency": "JPY", "amount": "10.50"}, "amount"),
        ({"order_reference": ""}, "order_reference"),
        ({"order_reference": "a b"}, "order_reference"),
        ({"order_reference": "x" * 36}, "order_reference"),
        ({"order_reference": "a~2"}, "order_reference"),
        ({"order_reference": 1}, "order_reference"),
        ({"order_reference": {"$gt": ""}}, "order_reference"),
        ({"customer_email": "nobody"}, "customer_email"),
        ({"customer_email": "a@b.example\r\nBcc: x@y.example"}, "customer_email"),
        ({"customer_name": ""}, "customer_name"),
        ({"customer_name": "x" * 201}, "customer_name"),
        ({"customer_name": "a\u001b[31m"}, "customer_name"),
        ({"description": "x" * 501}, "description"),
        ({"status": "paid"}, "status"),
        ({"owner": "mallory"}, "owner"),
    ],
)
async def test_a_wrong_value_is_named(here: Program, changes: dict[str, Any], field: str) -> None:
    answer = problem(await here.create(**changes), 422, "invalid-request")
    assert field in [error["field"] for error in answer["errors"]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"customer_email": "nobody"}, "write an e-mail address, such as test@example.com"),
        ({"locale": "english"}, "write the language and its country, such as en_GB"),
        ({"locale": "en_GB\n"}, "write the language and its country, such as en_GB"),
        ({"locale": "x" * 501}, "write the language and its country, such as en_GB"),
        ({"billing_address": {"country": "England"}}, "write the country as two capitals, such as GB, or leave it out"),
    ],
)
async def test_what_has_no_such_form_is_told_what_to_write(here: Program, changes: dict[str, Any], told: str) -> None:
    answer = problem(await here.create(**changes), 422, "invalid-request")
    assert [error["message"] for error in answer["errors"]] == [told]


@pytest.mark.parametrize("field", ["amount", "currency", "order_reference", "customer_email", "customer_name"])
async def test_a_missing_value_is_named(here: Program, field: str) -> None:
    body = {name: value for name, value in CREATE.items() if name != field}
    response = await here.client.post("/api/payment/create", json=body, headers=here.headers())
    assert [error["field"] for error in problem(response, 422, "invalid-request")["errors"]] == [field]


@pytest.mark.parametrize("field", ["customer_name", "description", "order_reference", "customer_email"])
async def test_a_card_number_is_refused_and_not_repeated(here: Program, field: str) -> None:
    card = {"order_reference": "4111-1111-1111-1111", "customer_email": "4111111111111111@example.com"}
    response = await here.create(**{field: card.get(field, "my card 4111 1111 1111 1111")})
    answer = problem(response, 422, "invalid-request")
    assert [error["field"] for error in answer["errors"]] == [field]
    assert "card data belongs on the payment page" in answer["detail"]
    assert "1111" not in response.text


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"", "invalid-request"),
        (b"{", "invalid-json"),
        (b'{"amount": NaN}', "invalid-json"),
        (b'{"amount": 1, "amount": 2}', "invalid-json"),
        (b'\xff\xfe{"a": 1}', "invalid-json"),
        (b'{"customer_name": "\\u0000"}', "invalid-json"),
        (b"[" * 5000, "invalid-json"),
        (b"[]", "invalid-request"),
        (b"null", "invalid-request"),
        (b'"text"', "invalid-request"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_problem(here: Program, body: bytes, slug: str) -> None:
    problem(await here.create_raw(body), 400 if slug == "invalid-json" else 422, slug)


async def test_other_media_types_and_compressed_bodies_are_refused(here: Program) -> None:
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": ""}, {"Content-Encoding": "gzip"}):
        problem(await here.create_raw(b"{}", **headers), 415, "wrong-media-type")


async def test_a_body_beyond_the_limit_is_refused(here: Program) -> None:
    problem(await here.create_raw(b" " * (64 * 1024 + 1)), 413, "body-too-large")


async def test_the_limit_holds_for_bodies_of_undeclared_length(here: Program) -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 1024

    response = await here.client.post("/api/webhooks/cashflows", content=chunks())
    problem(response, 413, "body-too-large")


async def test_the_same_order_again_is_the_same_payment(here: Program) -> None:
    first, again = await here.create(), await here.create(amount="10.0")
    assert first.json() == again.json()


async def test_a_contradicting_request_is_a_conflict_that_says_which(here: Program) -> None:
    await here.create()
    assert (
        "10.00 GBP, not 10.01 GBP" in problem(await here.create(amount="10.01"), 409, "order-amount-differs")["detail"]
    )
    problem(await here.create(currency="EUR"), 409, "order-amount-differs")
    stranger = problem(await here.create("mallory"), 409, "order-of-another-customer")
    assert "10.00" not in stranger["detail"]


async def test_a_paid_order_is_a_conflict(here: Program) -> None:
    started = (await here.create()).json()
    told = {"status": "captured", "paymentReference": started["payment_reference"], "orderReference": "TEST-001"}
    assert (await here.webhook(told)).status_code == 200
    problem(await here.create(), 409, "order-already-paid")


async def test_a_checkout_is_totalled_here(here: Program) -> None:
    lines = [
        {"name": "Entry", "quantity": 3, "unit_price": 2.10},
        {"name": "Card", "quantity": 1, "unit_price": "0.35"},
    ]
    asked = {"currency": "GBP", "lines": lines, "customer_email": "a@b.example", "customer_name": "T"}
    response = await here.client.post("/api/checkout/complete", json=asked, headers=here.headers())
    answer = response.json()
    assert response.status_code == 200, answer
    assert answer["amount"] == "6.65"
    assert answer["action_url"].startswith("http://shop.example/sandbox/payment?ref=")
    assert answer["payment_reference"]
    assert (await here.order(answer["order_id"])).json()["amount"] == "6.65"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [{"name": "x", "quantity": 0, "unit_price": "1"}]}, "lines.0.quantity"),
        ({"lines": [{"name": "x", "quantity": 1.5, "unit_price": "1"}]}, "lines.0.quantity"),
        ({"lines": [{"name": "x", "quantity": 1, "unit_price": "0.001"}]}, "lines"),
        ({"lines": [{"name": "x", "quantity": 1, "unit_price": "-1"}]}, "lines"),
        ({"lines": [{"name": "x", "quantity": 100000, "unit_price": "9999999999"}]}, "lines"),
        ({"lines": [{"name": "x", "quantity": 1, "unit_price": "1"}], "amount": "0.01"}, "amount"),
        ({"lines": [{"name": "x", "quantity": 1, "unit_price": "1", "total": "0"}]}, "lines.0.total"),
    ],
)
async def test_a_wrong_checkout_is_refused_by_name(here: Program, changes: dict[str, Any], field: str) -> None:
    asked = {"currency": "GBP", "customer_email": "a@b.example", "customer_name": "T", **changes}
    response = await here.client.post("/api/checkout/complete", json=asked, headers=here.headers())
    assert field in [error["field"] for error in problem(response, 422, "invalid-request")["errors"]]


async def test_the_same_checkout_again_is_the_same_order(here: Program) -> None:
    lines = [{"name": "Entry", "quantity": 1, "unit_price": "5"}]
    asked = {"currency": "GBP", "lines": lines, "customer_email": "a@b.example", "customer_name": "T"}
    asked = asked | {"order_reference": "CART-7"}
    answers = [
        (await here.client.post("/api/checkout/complete", json=asked, headers=here.headers())).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert answers[0]["order_id"] == "CART-7"
