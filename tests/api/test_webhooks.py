import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.domain.job_tokens import JobTokens
from backend.domain.references import OwnReference

from .program import JWT_SECRET, Program, problem, program


async def told(here: Program, **changes: Any) -> dict[str, Any]:
    started = (await here.create()).json()
    return {
        "event": "payment.captured",
        "status": "captured",
        "paymentJobReference": started["payment_job_reference"],
        "paymentReference": started["payment_reference"],
        "orderReference": "TEST-001",
        "amount": "10.00",
        "currency": "GBP",
    } | changes


async def test_a_signed_webhook_pays_the_order_and_is_echoed(here: Program) -> None:
    body = await told(here)
    response = await here.webhook(body)
    assert response.status_code == 200
    answer = response.json()
    assert {name: answer[name] for name in ("paymentJobReference", "paymentReference", "orderReference")} == {
        name: body[name] for name in ("paymentJobReference", "paymentReference", "orderReference")
    }
    order = (await here.order()).json()
    assert (order["status"], order["captured"], order["awaiting"]) == ("paid", "10.00", None)
    assert [payment["status"] for payment in order["payments"]] == ["captured"]


@pytest.mark.parametrize(
    ("word", "order_status", "payment_status"),
    [
        ("authorized", "authorized", "authorized"),
        ("captured", "paid", "captured"),
        ("declined", "failed", "declined"),
        ("failed", "failed", "failed"),
    ],
)
@pytest.mark.parametrize("as_event", [True, False])
async def test_each_status_is_taken_in_either_form(
    here: Program, word: str, order_status: str, payment_status: str, as_event: bool
) -> None:
    body = await told(here)
    del body["event"], body["status"]
    body |= {"event": f"payment.{word}"} if as_event else {"status": word}
    assert (await here.webhook(body)).status_code == 200
    order = (await here.order()).json()
    assert (order["status"], order["payments"][0]["status"]) == (order_status, payment_status)


async def test_a_hundred_copies_at_once_are_all_acknowledged_and_pay_once(here: Program) -> None:
    body = await told(here)
    answers = await asyncio.gather(*(here.webhook(body) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await here.order()).json()["captured"] == "10.00"


@pytest.mark.parametrize("signature", [None, "", "0" * 64, "right-ish"])
async def test_a_wrong_or_missing_signature_is_a_401_and_changes_nothing(here: Program, signature: str | None) -> None:
    problem(await here.webhook(await told(here), signature), 401, "webhook-rejected")
    assert (await here.order()).json()["status"] == "pending"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"status":"captured"}'])
async def test_a_signed_body_that_cannot_be_read_is_a_400(here: Program, body: bytes) -> None:
    problem(await here.webhook(body), 400, "webhook-unreadable")


async def test_a_jobs_own_address_works_and_an_invented_one_is_a_401(here: Program) -> None:
    body = await told(here)
    token = JobTokens.derived(JWT_SECRET).token("cashflows", OwnReference("TEST-001"))
    invented = token[:-1] + ("A" if token[-1] != "A" else "B")
    problem(await here.webhook(body, path=f"cashflows/{invented}"), 401, "webhook-rejected")
    assert (await here.order()).json()["status"] == "pending"
    assert (await here.webhook(body, path=f"cashflows/{token}")).status_code == 200
    assert (await here.order()).json()["status"] == "paid"


async def test_a_body_beyond_64_kib_is_a_413(here: Program) -> None:
    problem(await here.webhook(b"x" * (64 * 1024 + 1)), 413, "body-too-large")


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"amount": "9.99"}, "kept for a person"),
        ({"currency": "EUR"}, "kept for a person"),
        ({"orderReference": "UNKNOWN"}, "kept"),
        ({"paymentReference": "1"}, "kept"),
        ({"paymentJobReference": "1"}, "kept"),
    ],
)
async def test_what_does_not_fit_is_acknowledged_kept_and_pays_nothing(
    here: Program, changes: dict[str, str], outcome: str
) -> None:
    response = await here.webhook(await told(here, **changes))
    assert response.status_code == 200
    assert response.json()["outcome"].startswith(outcome)
    status = (await here.order()).json()["status"]
    assert status == ("review" if outcome == "kept for a person" else "pending")


async def test_without_a_secret_outside_mock_mode_every_webhook_is_refused(tmp_path: Path) -> None:
    credentials: dict[str, Any] = {
        "cashflows_merchant_id": "1",
        "cashflows_api_key": "key",
        "cashflows_api_secret": "secret",
        "cashflows_webhook_secret": None,
        "cashflows_gateway_url": "http://127.0.0.1:9",
    }
    async with program(tmp_path, **credentials) as integration:
        response = await integration.webhook({"status": "captured", "paymentReference": "1", "orderReference": "A"})
        assert "CASHFLOWS_WEBHOOK_SECRET" in problem(response, 503, "webhook-not-configured")["detail"]


async def test_an_unknown_gateway_is_a_404(here: Program) -> None:
    problem(await here.client.post("/api/webhooks/other", content=b"{}"), 404, "no-such-gateway")


async def test_after_a_restart_the_order_is_still_paid(tmp_path: Path) -> None:
    async with program(tmp_path) as first:
        assert (await first.webhook(await told(first))).status_code == 200
    async with program(tmp_path) as second:
        assert (await second.order()).json()["status"] == "paid"
