import asyncio
import hashlib
import hmac
import json
import socket
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from backend.simulator.faults import BY_NAME, FAULTS, Call
from backend.simulator.refusals import Refusal
from backend.simulator.scripts import parse_script, script_in_order_number

from .conftest import Worlds
from .world import Merchant, World, error_code, page_path


def fault(script: str) -> dict[str, str]:
    return {"X-Simulator-Fault": script}


async def read(world: World, job: str, script: str) -> httpx.Response:
    return await world.merchant.call("GET", f"/payment-jobs/{job}", headers=fault(script))


# Choosing a fault


@pytest.mark.parametrize(
    ("text", "name", "call", "times", "seconds"),
    [
        ("lost-reply", "lost-reply", None, 1, None),
        ("lost-reply.refund", "lost-reply", Call.REFUND, 1, None),
        ("error-500-before.create.x3", "error-500-before", Call.CREATE, 3, None),
        ("delay.s5", "delay", None, 1, 5),
        ("wrong-amount", "wrong-amount", None, None, None),
    ],
)
def test_scripts_are_read(text: str, name: str, call: Call | None, times: int | None, seconds: int | None) -> None:
    script = parse_script(text)
    assert (script.fault.name, script.call, script.remaining, script.seconds) == (name, call, times, seconds)
    assert parse_script(str(script)) == script


@pytest.mark.parametrize(
    ("order_number", "script"),
    [
        ("FAULT.lost-reply.A-1001", "lost-reply"),
        ("FAULT.lost-reply.refund.x2.A-1001~2", "lost-reply.refund.x2"),
        ("FAULT.delay", "delay"),
        ("FAULT.nothing.A", None),
        ("FAULT.lost-webhook.refund.A", "lost-webhook"),
        ("FAULT.wrong-amount.webhook.A", "wrong-amount.webhook"),
        ("fault.delay.A", None),
        ("A-1001", None),
    ],
)
def test_order_numbers_can_open_with_a_script(order_number: str, script: str | None) -> None:
    found = script_in_order_number(order_number)
    assert (str(found) if found else None) == script


@pytest.mark.parametrize(
    "text", ["", "none", "delay.", "delay.x", "lost-webhook.refund", "delay.page", "delay.s1.s2", "delay..x1"]
)
def test_what_is_no_script_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        parse_script(text)


async def test_a_script_in_an_order_number_acts_once_for_all_attempts(world: World) -> None:
    body = world.merchant.create_body("FAULT.error-500-after.A-1")
    again = world.merchant.create_body("FAULT.error-500-after.A-1~2")
    assert (await world.merchant.call("POST", "/payment-jobs", body)).status_code == 500
    assert (await world.merchant.call("POST", "/payment-jobs", again)).status_code == 201
    assert len(await world.jobs("FAULT.error-500-after.A-1")) == 2


async def test_a_header_acts_on_its_request_alone(world: World) -> None:
    job = (await world.merchant.create())["data"]["reference"]
    assert (await read(world, job, "error-503-before")).status_code == 503
    assert (await world.merchant.job(job))["paymentStatus"] == "Pending"


async def test_what_a_create_header_means_for_later_is_kept_for_the_order(world: World) -> None:
    body = world.merchant.create_body()
    response = await world.merchant.call("POST", "/payment-jobs", body, headers=fault("lost-webhook, pascal-case.read"))
    assert "data" in response.json()
    await world.shopper.pay(response.json())
    await world.deliver()
    assert world.shop.received == []
    reread = await world.merchant.call("GET", f"/payment-jobs/{response.json()['data']['reference']}")
    assert reread.json()["Data"]["PaymentStatus"] == "Paid"


async def test_scripts_are_armed_and_disarmed_by_the_control_api(world: World) -> None:
    armed = await world.client.put("/control/faults/A-1001", json={"scripts": ["error-500-before.create.x2"]})
    assert armed.json() == {"armed": [{"order": "A-1001", "script": "error-500-before.create.x2", "remaining": 2}]}
    body = world.merchant.create_body("A-1001")
    statuses = [(await world.merchant.call("POST", "/payment-jobs", body)).status_code for _ in range(3)]
    assert statuses == [500, 500, 201]
    await world.client.put("/control/faults/*", json={"scripts": ["too-many-requests.x100"]})
    assert (await world.merchant.call("POST", "/payment-jobs", body)).status_code == 429
    await world.client.delete("/control/faults/*")
    assert (await world.merchant.call("POST", "/payment-jobs", body)).status_code == 201
    refused = await world.client.put("/control/faults/A-1001", json={"scripts": ["no-such-fault"]})
    assert (refused.status_code, error_code(refused)) == (400, "InvalidFault")


async def test_the_listing_is_the_table(world: World) -> None:
    listed = (await world.client.get("/faults")).json()["faults"]
    assert [row["name"] for row in listed] == [row.name for row in FAULTS]
    assert len(BY_NAME) == len(FAULTS) >= 20
    page = await world.client.get("/faults", headers={"Accept": "text/html"})
    assert all(row.name in page.text for row in FAULTS)


# Connection and time


async def test_a_lost_reply_was_committed(world: World) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await world.merchant.create("FAULT.lost-reply.A-1")
    assert len(await world.jobs()) == 1
    job, payment = await world.paid("A-2")
    with pytest.raises(httpx.TransportError):
        await world.merchant.call(
            "POST",
            f"/payment-jobs/{job}/payments/{payment}/refunds",
            {"amountToRefund": "4.00"},
            headers=fault("lost-reply"),
        )
    assert (await world.jobs("A-2"))[0]["refundedMinor"] == 400


async def test_a_lost_request_was_not(world: World) -> None:
    with pytest.raises(httpx.TransportError):
        await world.merchant.create("FAULT.lost-request.A-1")
    assert await world.jobs() == []


@pytest.mark.parametrize(("script", "early"), [("delay", 1), ("late-commit", 0), ("delay.s7200", 1)])
async def test_a_held_call_waits_on_the_clock(world: World, script: str, early: int) -> None:
    body = world.merchant.create_body()
    call = asyncio.create_task(world.merchant.call("POST", "/payment-jobs", body, headers=fault(script)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(await world.jobs()) == early
    assert not call.done()
    world.simulator.move_clock(timedelta(hours=2))
    assert (await asyncio.wait_for(call, 5)).status_code == 201


async def test_a_late_commit_happens_although_the_client_gave_up(world: World) -> None:
    body = world.merchant.create_body()
    call = asyncio.create_task(world.merchant.call("POST", "/payment-jobs", body, headers=fault("late-commit")))
    for _ in range(20):
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await world.jobs() == []
    world.simulator.move_clock(timedelta(seconds=30))
    await world.simulator.finish_requests()
    assert len(await world.jobs()) == 1


async def test_under_any_other_server_a_lost_reply_breaks_off(world: World) -> None:
    site = FastAPI()
    site.mount("/sandbox", world.simulator.app)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(site, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}/sandbox"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        merchant = Merchant(client, world.merchant.settings)
        with pytest.raises(httpx.RemoteProtocolError):
            await merchant.create("FAULT.lost-reply.A-1")
        assert (await merchant.create("FAULT.lost-reply.A-1~2"))["data"]["paymentStatus"] == "Pending"
    server.should_exit = True
    await asyncio.wait_for(serving, 10)
    assert len(await world.jobs()) == 2


# Wrong answers


@pytest.mark.parametrize(
    ("script", "status", "done"),
    [
        ("error-500-before", 500, 0),
        ("error-500-after", 500, 1),
        ("error-503-before", 503, 0),
        ("error-503-after", 503, 1),
        ("too-many-requests", 429, 0),
        ("unauthorized", 401, 0),
        ("wrong-environment", 404, 0),
        ("redirect", 302, 0),
    ],
)
async def test_wrong_statuses_with_and_without_commit(world: World, script: str, status: int, done: int) -> None:
    response = await world.merchant.call("POST", "/payment-jobs", world.merchant.create_body(), headers=fault(script))
    assert response.status_code == status
    assert len(await world.jobs()) == done
    counts = (await world.client.get("/jobs.json")).json()["requests"]
    assert [(row["call"], row["count"]) for row in counts] == [("create", 1)]


@pytest.mark.parametrize("script", ["html-reply", "malformed-json", "truncated-json", "empty-reply", "not-utf8"])
async def test_replies_that_are_no_json(world: World, script: str) -> None:
    response = await world.merchant.call("POST", "/payment-jobs", world.merchant.create_body(), headers=fault(script))
    assert response.status_code == 201
    assert len(await world.jobs()) == 1
    with pytest.raises(ValueError, match=r"."):
        json.loads(response.content)


async def test_other_bytes(world: World) -> None:
    job = (await world.merchant.create())["data"]["reference"]
    assert len((await read(world, job, "enormous-reply")).content) > 8_000_000
    twice = await read(world, job, "duplicate-keys")
    pairs = json.loads(twice.content, object_pairs_hook=list)
    assert [key for key, _ in dict(pairs)["data"]].count("amountToCollect") == 2


@pytest.mark.parametrize(
    ("script", "path", "value"),
    [
        ("wrong-amount", "data.amountToCollect", "9.99"),
        ("wrong-amount", "data.payments.0.paidAmount", "9.99"),
        ("wrong-currency", "data.currency", "USD"),
        ("unknown-status", "data.paymentStatus", "Quarantined"),
        ("unknown-status", "data.payments.0.status", "Quarantined"),
        ("stale-read", "data.paymentStatus", "Pending"),
        ("stale-read", "data.payments.0.status", "Pending"),
        ("pascal-case", "Data.Payments.0.Status", "Paid"),
        ("numeric-enums", "data.currency", 826),
        ("numeric-enums", "data.locale", 2057),
        ("numeric-amounts", "data.amountToCollect", 10),
        ("short-times", "data.createDateTimeUtc", "2026-03-02T12:00:00.00Z"),
        ("error-inside", "errorReport.isFatalError", True),
    ],
)
async def test_wrong_and_other_contents(world: World, script: str, path: str, value: Any) -> None:
    job, _ = await world.paid()
    found: Any = (await read(world, job, script)).json()
    for part in path.split("."):
        found = found[int(part) if part.isdigit() else part]
    assert found == value
    assert type(found) is type(value)


async def test_numeric_references_and_a_pending_number(world: World) -> None:
    created = await world.merchant.create()
    job = created["data"]["reference"]
    assert (await read(world, job, "numeric-references")).json()["data"]["reference"] == int(job)
    assert (await read(world, job, "numeric-enums")).json()["data"]["paymentStatus"] == 10


async def test_missing_data_and_the_reply_for_another_job(world: World) -> None:
    created = await world.merchant.create()
    job = created["data"]["reference"]
    assert (await read(world, job, "missing-data")).json().keys() == {"links"}
    other = (await read(world, job, "other-job")).json()["data"]
    assert other["reference"] != job
    assert other["payments"][0]["reference"] != created["data"]["payments"][0]["reference"]
    assert other["order"]["orderNumber"] != "A-1001"


async def test_action_urls_that_must_not_be_shown(world: World) -> None:
    hostile = await world.merchant.create("FAULT.hostile-action-url.A")
    assert hostile["links"]["action"]["url"].startswith("http://evil.example/")
    missing = await world.merchant.create("FAULT.missing-action-url.A")
    assert "action" not in missing["links"]


# Webhooks


async def test_duplicated_webhooks(world: World) -> None:
    await world.paid("FAULT.duplicate-webhook.A")
    await world.deliver()
    assert world.shop.statuses == ["captured"] * 3


async def test_reordered_webhooks(worlds: Worlds) -> None:
    async with worlds(auto_capture=False) as world:
        job, payment = await world.paid("FAULT.reordered-webhooks.A")
        await world.merchant.capture(job, payment)
        await world.deliver()
        assert world.shop.statuses == ["captured"]
        await world.later(minutes=2)
        assert world.shop.statuses == ["captured", "authorized"]


async def test_late_and_lost_webhooks(world: World) -> None:
    await world.paid("FAULT.late-webhook.A")
    await world.paid("FAULT.late-webhook.s10.A")
    await world.paid("FAULT.lost-webhook.A")
    await world.later(seconds=9)
    assert world.shop.received == []
    await world.later(seconds=1)
    assert len(world.shop.received) == 1
    await world.later(days=31)
    assert len(world.shop.received) == 2
    lost = (await world.jobs("FAULT.lost-webhook.A"))[0]["webhooks"][0]
    assert (lost["state"], lost["attempts"]) == ("lost", [])


async def test_an_early_webhook_arrives_before_the_create_reply(world: World) -> None:
    created = await world.merchant.create("FAULT.early-webhook.A")
    assert created["data"]["paymentStatus"] == "Pending"
    assert world.shop.statuses == ["captured"]
    assert (await world.merchant.job(created["data"]["reference"]))["paymentStatus"] == "Paid"


async def test_webhooks_about_other_things(world: World) -> None:
    job, _ = await world.paid("FAULT.foreign-webhook.A-1")
    await world.paid("FAULT.wrong-amount.webhook.A-1")
    await world.paid("FAULT.wrong-currency.webhook.A-1")
    await world.paid("FAULT.unknown-status.webhook.A-1")
    await world.paid("FAULT.pascal-case.webhook.A-1")
    await world.deliver()
    foreign, amount, currency, status = world.shop.received[:4]
    assert foreign["paymentJobReference"] != job
    assert foreign["orderReference"] != "FAULT.foreign-webhook.A-1"
    assert (amount["amount"], currency["currency"], status["status"]) == ("9.99", "USD", "Quarantined")
    assert world.shop.received[4]["Status"] == "captured"


async def test_a_forged_signature(world: World) -> None:
    await world.paid("FAULT.forged-signature.A")
    await world.paid("A")
    await world.deliver()
    assert [hmac_right(world, raw, dict(headers)) for raw, headers in world.shop.raw] == [False, True]


# The money


async def test_a_second_payment_after_a_failed_one(world: World) -> None:
    created = await world.merchant.create("FAULT.failed-then-paid.A")
    assert (await world.shopper.pay(created)).headers["location"].startswith("https://shop.example/ok")
    data = await world.merchant.job(created["data"]["reference"])
    assert [payment["status"] for payment in data["payments"]] == ["Failed", "Paid"]
    await world.deliver()
    assert world.shop.statuses == ["failed", "captured"]


@pytest.mark.parametrize(("name", "status"), [("issuer-declines", "Declined"), ("risk-blocks", "Blocked")])
async def test_refusals_whatever_the_card(world: World, name: str, status: str) -> None:
    created = await world.published.create(f"FAULT.{name}.A")
    for _ in range(2):
        await world.shopper.pay(created, name="Luke Skywalker")
    data = await world.merchant.job(created["data"]["reference"])
    assert [payment["status"] for payment in data["payments"]] == [status, "Paid"]


async def test_a_commissioned_payment_is_paid_later(world: World) -> None:
    job, _ = await world.paid("FAULT.commissioned.A")
    assert (await world.merchant.job(job))["paymentStatus"] == "Commissioned"
    await world.later(hours=1)
    assert (await world.merchant.job(job))["paymentStatus"] == "Paid"
    assert world.shop.statuses == ["captured"]


async def test_an_earlier_job_is_paid_when_a_later_one_starts(world: World) -> None:
    first = await world.merchant.create("FAULT.earlier-job-paid.A")
    second = await world.merchant.create("FAULT.earlier-job-paid.A~2")
    await world.deliver()
    assert [body["paymentJobReference"] for body in world.shop.received] == [first["data"]["reference"]]
    assert (await world.merchant.job(second["data"]["reference"]))["paymentStatus"] == "Pending"


async def test_the_shopper_pays_just_before_the_job_is_cancelled(world: World) -> None:
    created = await world.merchant.create("FAULT.paid-before-cancel.A")
    response = await world.merchant.cancel(created["data"]["reference"])
    assert (response.status_code, error_code(response)) == (400, "InvalidPaymentStatus")
    assert (await world.merchant.job(created["data"]["reference"]))["paymentStatus"] == "Paid"


@pytest.mark.parametrize(
    ("name", "at_once", "later", "refunded"),
    [("refund-pending", "Pending", "Completed", 400), ("refund-fails-later", "Pending", "Failed", 0),
     ("refund-failed", "Failed", "Failed", 0)],
)  # fmt: skip
async def test_refunds_that_are_not_done_at_once(
    world: World, name: str, at_once: str, later: str, refunded: int
) -> None:
    job, payment = await world.paid(f"FAULT.{name}.A")
    assert (await world.merchant.refund(job, payment, "4.00")).json()["data"]["status"] == at_once
    await world.later(hours=1)
    assert (await world.merchant.job(job))["payments"][0]["refunds"][0]["status"] == later
    assert (await world.jobs())[0]["refundedMinor"] == refunded


async def test_a_refund_that_retrievals_do_not_show_yet(world: World) -> None:
    job, payment = await world.paid("FAULT.refund-hidden.A")
    await world.merchant.refund(job, payment, "4.00")
    assert "refunds" not in (await world.merchant.job(job))["payments"][0]
    over = await world.merchant.refund(job, payment, "7.00")
    assert error_code(over) == "RefundAmountExceedsOriginalAmount"
    await world.later(minutes=2)
    assert len((await world.merchant.job(job))["payments"][0]["refunds"]) == 1


@pytest.mark.parametrize("name", [row.name for row in FAULTS])
async def test_every_fault_acts_somewhere(worlds: Worlds, name: str) -> None:
    """With the fault armed for good, at least one step of a whole story differs from the true one."""
    assert await story(worlds, None) == await story(worlds, None)
    assert await story(worlds, name) != await story(worlds, None)


async def story(worlds: Worlds, name: str | None) -> list[Any]:
    """Create, create again, pay, capture, refund, cancel: what each step showed, without references and times."""
    told: list[Any] = []
    async with worlds(auto_capture=False) as world:
        if name:
            await world.client.put("/control/faults/*", json={"scripts": [f"{name}.x99"]})

        async def step(method: str, path: str, body: Any = None) -> dict[str, Any]:
            call = asyncio.create_task(world.merchant.call(method, path, body))
            for _ in range(50):
                await asyncio.sleep(0)
            told.append(call.done())
            world.simulator.move_clock(timedelta(seconds=40))
            try:
                response = await call
            except httpx.TransportError:
                told.append("lost")
                return {}
            told.append((response.status_code, len(response.content), dict(response.headers).get("retry-after")))
            try:
                document = dict(response.json())
            except ValueError:
                return {}
            data = document.get("data", {})
            told.append(
                (data.get("currency"), data.get("reference") in {job["reference"] for job in await world.jobs()})
            )
            return document

        await step("POST", "/payment-jobs", world.merchant.create_body("A-1"))
        await step("POST", "/payment-jobs", world.merchant.create_body("A-1~2"))
        jobs = await world.jobs()
        told.append([job["status"] for job in jobs])
        if len(jobs) == 2:
            reference, payment = jobs[1]["reference"], jobs[1]["payments"][0]["reference"]
            page = {"links": {"action": {"url": f"http://x/payment?ref={jobs[1]['pageReference']}"}}}
            assert page_path(page)
            await world.shopper.pay(page)
            await step("GET", f"/payment-jobs/{reference}")
            await step("POST", f"/payment-jobs/{reference}/payments/{payment}/captures", {})
            await step("POST", f"/payment-jobs/{reference}/payments/{payment}/refunds", {"amountToRefund": "1.00"})
            told.append((await step("GET", f"/payment-jobs/{reference}")).get("data", {}).get("paymentStatus"))
            await step("PATCH", f"/payment-jobs/{jobs[0]['reference']}/cancel")
        await world.deliver()
        signed = [hmac_right(world, raw, dict(headers)) for raw, headers in world.shop.raw]
        told.append((len(world.shop.received), [body.get("status") for body in world.shop.received], signed))
        known = {job["reference"] for job in jobs}
        told.append([body.get("paymentJobReference") in known for body in world.shop.received])
        told.append([(job["status"], job["capturedMinor"], job["refundedMinor"]) for job in await world.jobs()])
        await world.later(hours=2)
        told.append(len(world.shop.received))
        facts = (await world.client.get("/jobs.json")).json()["jobs"]
        told.append(
            [[refund["status"] for refund in payment["refunds"]] for job in facts for payment in job["payments"]]
        )
    return told


def hmac_right(world: World, raw: bytes, headers: dict[str, str]) -> bool:
    secret = world.merchant.settings.webhook_secret.encode()
    return headers["x-signature"] == hmac.new(secret, raw, hashlib.sha256).hexdigest()
