import json
import re
from typing import Any

import pytest

from .world import HOOK, World, error_code

TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z"


async def test_a_created_job_waits_on_its_page(world: World) -> None:
    response = await world.merchant.call("POST", "/payment-jobs", world.merchant.create_body(type="Payment"))
    assert response.status_code == 201
    assert response.headers["content-type"].startswith("application/json")
    reply = response.json()
    job, payment = reply["data"], reply["data"]["payments"][0]
    assert re.fullmatch(r"2603210\d{11}", job["reference"])
    assert re.fullmatch(r"2603211\d{11}", payment["reference"])
    assert re.fullmatch(TIME, job["createDateTimeUtc"])
    assert job["expirationDateTimeUtc"].startswith("2026-09-02T12:00:00")
    assert (job["paymentStatus"], payment["status"]) == ("Pending", "Pending")
    assert (job["amountToCollect"], job["currency"], job["locale"]) == ("10.00", "GBP", "en_GB")
    assert job["order"]["orderNumber"] == "A-1001"
    assert job["attributes"] == {"webhookUrl": HOOK}
    assert job["configurationId"] == world.merchant.settings.configuration_id
    assert payment["steps"][0]["action"] == "DisplayHostedPage"
    assert "amountCollected" not in job
    assert "links" not in job
    assert re.fullmatch(r"http://simulator\.example/payment\?ref=[0-9a-f]{96}", reply["links"]["action"]["url"])
    assert reply["links"]["data"]["url"].endswith(f"/api/gateway/payment-jobs/{job['reference']}")


async def test_return_urls_keep_the_shops_query_and_gain_the_references(world: World) -> None:
    created = await world.merchant.create("2019-03-18/1001")
    job, payment = created["data"], created["data"]["payments"][0]
    added = f"paymentjobref={job['reference']}&paymentref={payment['reference']}&ordernumber=2019-03-18%2f1001"
    assert payment["attributes"]["returnUrlSuccess"] == f"https://shop.example/ok?cart=7&{added}"
    assert payment["attributes"]["returnUrlFailed"] == f"https://shop.example/failed?{added}"
    assert payment["attributes"]["returnUrlCancelled"] == f"https://shop.example/cancelled?{added}&status=cancelled"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("10", "10.00"), ("19.99", "19.99"), ("10.500", "10.50"), (b"10.5", "10.50"), (b"10", "10.00"), (b"1e1", "10.00"),
     ("0.00", "0.00"), (b"0.1", "0.10"), (b"4503599627370497.5", None), ("1,234.50", None), ("-1.00", None),
     ("10.005", None), (b"-1", None), (b"true", None), (b"null", None), ("", None), ("ten", None), (b"NaN", None),
     (b"1e999999999", None), ("٣.00", None)],
)  # fmt: skip
async def test_amounts_are_read_exactly_or_refused(world: World, amount: str | bytes, shown: str | None) -> None:
    text = amount.decode() if isinstance(amount, bytes) else json.dumps(amount)
    body = f'{{"amountToCollect":{text},"currency":"GBP"}}'.encode()
    response = await world.merchant.call("POST", "/payment-jobs", body)
    if shown is None:
        assert (response.status_code, error_code(response)) == (400, "InvalidAmount")
    else:
        assert response.json()["data"]["amountToCollect"] == shown


@pytest.mark.parametrize(("currency", "amount", "shown"), [("JPY", "1000", "1000"), ("KWD", "1.234", "1.234")])
async def test_currencies_have_their_own_decimals(world: World, currency: str, amount: str, shown: str) -> None:
    created = await world.merchant.create(amount=amount, currency=currency)
    assert created["data"]["amountToCollect"] == shown


async def test_other_peoples_spellings_are_understood(world: World) -> None:
    body = {
        "AmountToCollect": "10",
        "CURRENCY": "gbp",
        "Order": {"OrderNumber": "M1", "BillingAddress": {"AddressLine1": "1 High Street"}, "OrderLines": []},
        "Parameters": {"ReturnUrlSuccess": "https://shop.example/ok", "WEBHOOKURL": HOOK},
        "paymentMethodsToUse": ["creditcard"],
        "metadata": {"ignored": [1.5]},
        "returnUrl": "https://ignored.example",
    }
    response = await world.merchant.call(
        "POST", "/payment-jobs/", body, headers={"CONTENT-TYPE": "application/json; charset=utf-8"}
    )
    data = response.json()["data"]
    assert response.status_code == 201
    assert data["order"]["billingAddress"] == {"addressLine1": "1 High Street"}
    assert (data["attributes"]["webhookUrl"], data["paymentMethodsToUse"]) == (HOOK, ["Card"])
    assert "metadata" not in data
    reread = await world.merchant.call("GET", f"/payment-jobs/{data['reference']}/")
    assert reread.json()["data"] == data


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{" * 100_000, b'{"a":' + b"1" * 5000 + b"}"],
)
async def test_what_is_no_json_object_is_refused(world: World, body: bytes) -> None:
    response = await world.merchant.call("POST", "/payment-jobs", body)
    assert (response.status_code, error_code(response)) == (400, "InvalidRequest")


async def test_a_body_beyond_a_mebibyte_is_refused(world: World) -> None:
    response = await world.merchant.call("POST", "/payment-jobs", b" " * (1024 * 1024 + 1))
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"currency": "XXX"}, "InvalidCurrency"),
        ({"currency": None}, "InvalidCurrency"),
        ({"expirationDateTimeUtc": "2026-03-02T11:59:59Z"}, "InvalidExpirationDate"),
        ({"expirationDateTimeUtc": "tomorrow"}, "InvalidRequest"),
        ({"expirationDateTimeUtc": "9999-12-31T23:59:59-14:00"}, "InvalidRequest"),
        ({"paymentMethodsToUse": ["cheque"]}, "InvalidPaymentMethod"),
        ({"parameters": {"simulatedStatus": "RICH"}}, "InvalidSimulatedStatus"),
        ({"parameters": {"token": "1"}}, "InvalidToken"),
        ({"parameters": {"returnUrlSuccess": "javascript:alert(1)"}}, "InvalidParameter"),
        ({"parameters": {"webhookUrl": "https://[::1"}}, "InvalidParameter"),
        ({"parameters": {"ReturnUrlFailed": "https://shop.example/\r\nSet-Cookie: a=b"}}, "InvalidParameter"),
        ({"parameters": {"cardNumber": "4111111111111112"}}, "InvalidCard"),
        ({"parentPaymentJobReference": 42}, "InvalidParentPaymentJob"),
        ({"order": {"orderNumber": "9" * 201}}, "InvalidOrderNumber"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_name(world: World, change: dict[str, Any], code: str) -> None:
    response = await world.merchant.call("POST", "/payment-jobs", world.merchant.create_body() | change)
    assert (response.status_code, error_code(response)) == (400, code)
    assert await world.jobs() == []


@pytest.mark.parametrize(
    ("wanted", "payment", "job"),
    [("PAID", "Paid", "Paid"), ("RESERVED", "Reserved", "Reserved"), ("Declined", "Declined", "Pending"),
     ("failed", "Failed", "Pending"), ("Cancelled", "Cancelled", "Cancelled"), ("Expired", "Expired", "Expired"),
     ("Blocked", "Blocked", "Pending"), ("Commissioned", "Commissioned", "Commissioned"),
     ("Pending", "Pending", "Pending")],
)  # fmt: skip
async def test_simulated_status_settles_inside_the_reply(world: World, wanted: str, payment: str, job: str) -> None:
    created = await world.merchant.create(parameters={"SimulatedStatus": wanted})
    assert created["data"]["payments"][0]["status"] == payment
    assert created["data"]["payments"][0]["attributes"]["simulatedStatus"] == wanted
    assert created["data"]["paymentStatus"] == job


MOTO = {"cardNumber": "4000000000000002", "cardCvc": "123", "cardExpiryMonth": "05", "cardExpiryYear": "29"}


async def test_a_moto_job_is_paid_in_the_reply(world: World) -> None:
    created = await world.published.create(options=["IsMoto"], parameters=MOTO)
    data = created["data"]
    assert (data["paymentStatus"], data["amountCollected"], data["paidAmount"]) == ("Paid", "10.00", "10.00")
    assert data["paidDateTimeUtc"]
    assert data["flags"] == {"moto": True, "direct": True}
    assert created["links"]["action"]["url"].startswith("https://shop.example/ok?cart=7&paymentjobref=")
    assert "4000000000000002" not in json.dumps(created)


async def test_the_number_decides_in_the_guides_scheme_even_for_moto(world: World) -> None:
    created = await world.merchant.create(options=["IsMoto"], parameters=MOTO)
    assert created["data"]["payments"][0]["status"] == "Declined"
    assert created["data"]["payments"][0]["lastErrorReport"]["errors"][0]["message"].startswith("Declined")


@pytest.mark.parametrize(
    ("name", "status"),
    [("Luke Skywalker", "Paid"), ("luke  skywalker", "Paid"), ("Han Solo", "Pending"), ("Darth Maul", "Failed"),
     ("Lando Calrissian", "Failed"), ("Someone Else", "Failed"), ("", "Failed")],
)  # fmt: skip
async def test_the_name_decides_on_a_direct_card_in_the_published_scheme(world: World, name: str, status: str) -> None:
    created = await world.published.create(parameters=MOTO | {"CardHolderName": name})
    assert created["data"]["payments"][0]["status"] == status


async def test_a_token_made_up_front_pays(world: World) -> None:
    card = {"cardNumber": "4000000000000002", "cardHolderName": "A", "cardExpiryYear": "29", "cardExpiryMonth": "05",
            "cardCvc": "123"}  # fmt: skip
    made = (await world.merchant.call("POST", "/card-tokenisation", card)).json()["data"]
    assert made | {"token": ""} == {
        "token": "", "cardExpiryMonth": "05", "cardExpiryYear": "29", "truncatedCardNumber": "400000****0002"
    }  # fmt: skip
    created = await world.merchant.create(parameters={"Token": made["token"]})
    assert created["data"]["paymentStatus"] == "Paid"


async def test_a_token_is_returned_when_asked_for(world: World) -> None:
    options = ["GenerateToken", "StoreCustomerInformation"]
    created = await world.published.create(options=options, parameters=MOTO | {"cardHolderName": "Luke Skywalker"})
    assert re.fullmatch(r"1\d{15}", created["data"]["payments"][0]["attributes"]["token"])
    assert re.fullmatch(r"2603290\d{11}", created["data"]["order"]["customerReference"])


async def test_a_recurring_child_is_paid_in_the_reply(world: World) -> None:
    parent = await world.merchant.create(options=["IsRecurringPaymentJobParent"])
    reference = parent["data"]["reference"]
    refused = await world.merchant.call(
        "POST", "/payment-jobs", world.merchant.create_body(parentPaymentJobReference=reference)
    )
    assert error_code(refused) == "InvalidParentPaymentJob"
    await world.shopper.pay(parent)
    child = await world.merchant.create("A-1002", parentPaymentJobReference=int(reference))
    assert child["data"]["paymentStatus"] == "Paid"


async def test_an_order_number_is_known_once_it_was_used(world: World) -> None:
    await world.merchant.create("2019-03-18/1001 x")
    found = await world.merchant.call("HEAD", "/orders/2019-03-18%2f1001%20x")
    missing = await world.merchant.call("HEAD", "/orders/1002")
    assert (found.status_code, missing.status_code) == (200, 404)
    assert found.content == b""


async def test_supported_payment_methods(world: World) -> None:
    response = await world.merchant.call("GET", "/supported-payment-methods?currency=eur&collectAmount=10")
    assert response.json()["data"][0] | {"logo": ""} == {
        "paymentMethod": "Card", "logo": "", "issuerList": [], "supportsTokenisation": True, "tokenizedCards": [],
        "currencies": ["EUR"], "surchargeAmount": "0", "description": "Card Simulator",
    }  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/payment-jobs", 405)])
async def test_unknown_paths_answer_in_the_gateways_shape(world: World, method: str, path: str, status: int) -> None:
    response = await world.merchant.call(method, path)
    assert response.status_code == status
    assert response.json()["errorReport"]["errors"][0]["message"]


async def test_retrieving_what_does_not_exist(world: World) -> None:
    created = await world.merchant.create()
    for path in (
        "/payment-jobs/1",
        "/payment-jobs/1/payments/1",
        f"/payment-jobs/{created['data']['reference']}/payments/1",
    ):
        response = await world.merchant.call("GET", path)
        assert (response.status_code, error_code(response)) == (404, "RecordNotFound")
