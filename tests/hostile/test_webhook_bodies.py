"""Deliveries to ``POST /api/webhooks/cashflows``, signed with the right secret or not: none of them pays anything."""

import gzip
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.program import CREATE, WEBHOOK_SECRET, Program, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFERENCE = "PREY"


def signature(body: bytes, secret: str = WEBHOOK_SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(here: Program) -> dict[str, Any]:
    """What the gateway would say of a paid order."""
    started = (await here.create(**CREATE | {"order_reference": REFERENCE})).json()
    return {
        "event": "payment.captured",
        "status": "captured",
        "paymentJobReference": started["payment_job_reference"],
        "paymentReference": started["payment_reference"],
        "orderReference": REFERENCE,
        "amount": "10.00",
        "currency": "GBP",
    }


async def post(here: Program, body: bytes, **headers: str) -> httpx.Response:
    return await here.client.post("/api/webhooks/cashflows", content=body, headers=headers)


async def unpaid(here: Program) -> None:
    order = (await here.order(REFERENCE)).json()
    assert (order["status"], order["captured"]) == ("pending", "0.00")


FORGED: dict[str, Callable[[bytes], str | None]] = {
    "no signature": lambda _: None,
    "an empty one": lambda _: "",
    "zeros": lambda _: "0" * 64,
    "another secret's": lambda body: signature(body, "another"),
    "the secret itself": lambda _: WEBHOOK_SECRET,
    "of an empty body": lambda _: signature(b""),
    "of a body with a blank more": lambda body: signature(body + b" "),
    "of the same in another order": lambda body: signature(json.dumps(json.loads(body), sort_keys=True).encode()),
    "cut short": lambda body: signature(body)[:32],
    "one digit off": lambda body: signature(body)[:-1] + ("0" if signature(body)[-1] != "0" else "1"),
    "with something behind it": lambda body: signature(body) + "00",
    "twice": lambda body: f"{signature(body)}{signature(body)}",
    "with the method's name before it": lambda body: f"sha1={signature(body)}",
    "an unsalted digest": lambda body: hashlib.sha256(body).hexdigest(),
    "SHA-512": lambda body: hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha512).hexdigest(),
    "keyed the other way round": lambda body: hmac.new(body, WEBHOOK_SECRET.encode(), hashlib.sha256).hexdigest(),
    "null": lambda _: "null",
    "true": lambda _: "true",
    "very long": lambda _: "a" * 6000,
    "not ASCII": lambda _: "\u00e9" * 32,
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
async def test_a_delivery_that_the_gateway_did_not_sign_is_refused(
    here: Program, told: dict[str, Any], case: str
) -> None:
    body = json.dumps(told).encode()
    given = FORGED[case](body)
    headers = {} if given is None else {"X-Signature": given.encode("latin-1")}
    response = await here.client.post("/api/webhooks/cashflows", content=body, headers=headers)  # type: ignore[arg-type]
    problem(response, 401, "webhook-rejected")
    await unpaid(here)


UNREADABLE: dict[str, bytes] = {
    "nothing": b"",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "an empty object": b"{}",
    "cut off": b'{"status": "captured"',
    "not UTF-8": b'{"status": "captured", "paymentReference": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"status": "captured"}',
    "UTF-16": '{"status": "captured"}'.encode("utf-16"),
    "a key twice": b'{"status": "failed", "status": "captured", "paymentReference": "1", "orderReference": "PREY"}',
    "NaN": b'{"status": "captured", "paymentReference": "1", "orderReference": "PREY", "amount": NaN}',
    "NUL": b'{"status": "captured", "paymentReference": "1\\u0000", "orderReference": "PREY"}',
    "a lone surrogate": b'{"status": "captured", "paymentReference": "\\ud800", "orderReference": "PREY"}',
    "deep nesting": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "gzip": gzip.compress(b'{"status": "captured"}'),
    "XML": b"<status>captured</status>",
    "a form": b"status=captured&orderReference=PREY",
    "no reference": b'{"status": "captured"}',
    "a reference that is a list": b'{"status": "captured", "paymentReference": ["1"], "orderReference": "PREY"}',
    "an amount that is an object": b'{"status":"captured","paymentReference":"1","orderReference":"PREY","amount":{}}',
    "an endless reference": b'{"status": "captured", "paymentReference": "' + b"1" * 5000 + b'"}',
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_what_cannot_be_read_is_kept_and_refused(here: Program, told: dict[str, Any], case: str) -> None:
    body = UNREADABLE[case]
    problem(await post(here, body, **{"X-Signature": signature(body)}), 400, "webhook-unreadable")
    await unpaid(here)


UNFITTING: dict[str, dict[str, Any]] = {
    "another order": {"orderReference": "NOBODY"},
    "another order by path": {"orderReference": "../PREY"},
    "another job": {"paymentJobReference": "260321000000000000"},
    "another payment": {"paymentReference": "260321100000000000"},
    "an attempt that never was": {"orderReference": "PREY~7"},
    "an attempt number beyond all": {"orderReference": "PREY~99999999"},
    "a reference in other letters": {"orderReference": "prey"},
    "a reference with a blank": {"orderReference": "PREY "},
    "a status nobody knows": {"status": "Paid?!", "event": "payment.odd"},
    "event and status at odds": {"status": "failed-ish", "event": "payment.unknown"},
}


@pytest.mark.parametrize("case", UNFITTING)
async def test_what_fits_no_payment_of_ours_is_acknowledged_and_pays_nothing(
    here: Program, told: dict[str, Any], case: str
) -> None:
    body = json.dumps(told | UNFITTING[case]).encode()
    response = await post(here, body, **{"X-Signature": signature(body)})
    assert response.status_code in (200, 400), response.text
    await unpaid(here)


async def test_an_oversized_delivery_is_refused_before_it_is_read(here: Program) -> None:
    body = b'{"status": "captured", "padding": "' + b"x" * 70_000 + b'"}'
    problem(await post(here, body, **{"X-Signature": signature(body)}), 413, "body-too-large")


@pytest.mark.parametrize("name", ["cashflow", "CASHFLOWS", "..", "cashflows%00", "%2e%2e%2fcashflows"])
async def test_a_gateway_that_is_none_is_a_404(here: Program, name: str) -> None:
    response = await here.client.post(f"/api/webhooks/{name}", content=b"{}")
    assert response.status_code in (404, 405), response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_old_delivery_replayed_changes_nothing_more(here: Program) -> None:
    started = (await here.create(**CREATE | {"order_reference": "REPLAYED"})).json()
    body = json.dumps(
        {
            "status": "captured",
            "paymentJobReference": started["payment_job_reference"],
            "paymentReference": started["payment_reference"],
            "orderReference": "REPLAYED",
            "amount": "10.00",
            "currency": "GBP",
        }
    ).encode()
    for _ in range(5):
        assert (await post(here, body, **{"X-Signature": signature(body)})).status_code == 200
    order = (await here.order("REPLAYED")).json()
    assert (order["status"], order["captured"]) == ("paid", "10.00")
