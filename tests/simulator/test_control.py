import re

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from backend.simulator import Simulator, SimulatorSettings

from .conftest import Worlds
from .world import DECLINED, Merchant, Shop, Shopper, World, error_code, frozen_clock, page_path


async def test_the_ledger_shows_what_the_gateway_believes(world: World) -> None:
    created = await world.merchant.create("A-1001")
    await world.shopper.pay(created, DECLINED)
    await world.shopper.pay(created)
    job = created["data"]["reference"]
    declined, payment = (each["reference"] for each in (await world.jobs())[0]["payments"])
    await world.merchant.refund(job, payment, "2.50", refundNumber="R-1")
    await world.deliver()
    (facts,) = await world.jobs("A-1001")
    assert facts["orderNumber"] == "A-1001"
    assert (facts["amountMinor"], facts["capturedMinor"], facts["refundedMinor"]) == (1000, 1000, 250)
    assert [item["status"] for item in facts["payments"]] == ["Declined", "Paid"]
    assert facts["payments"][1]["card"] == "411111****1111"
    assert facts["payments"][1]["refunds"][0] | {"reference": ""} == {
        "reference": "", "number": "R-1", "amountMinor": 250, "status": "Completed",
    }  # fmt: skip
    told = [(webhook["state"], webhook["paymentReference"]) for webhook in facts["webhooks"]]
    assert told == [("acknowledged", payment), ("acknowledged", declined)]
    assert await world.jobs("A-1002") == []


async def test_every_request_is_counted(world: World) -> None:
    job, payment = await world.paid("A-1001")
    for _ in range(2):
        await world.merchant.refund(job, payment, "6.00")
    await world.merchant.job(job)
    counts = (await world.client.get("/jobs.json", params={"order": "A-1001"})).json()["requests"]
    assert {row["call"]: (row["count"], row["succeeded"]) for row in counts} == {
        "create": (1, 1), "refund": (2, 1), "read": (1, 1),
    }  # fmt: skip
    assert {row["paymentJobReference"] for row in counts} == {job}


async def test_requests_are_listed_with_what_they_asked(world: World) -> None:
    job, payment = await world.paid("A-1001")
    await world.merchant.refund(job, payment, "6.00")
    await world.merchant.call("GET", f"/payment-jobs/{job}", headers={"Hash": "0" * 64})
    refused, refund, create = (await world.client.get("/requests.json")).json()["requests"]
    assert (refused["status"], refused["scheme"]) == (401, "")
    assert (refund["call"], refund["status"], refund["scheme"]) == ("refund", 200, "hmac-sha256")
    assert '"amounttorefund": "6.00"' in refund["summary"]
    assert create["order_number"] == "A-1001"


async def test_the_clock_is_moved_by_the_api(world: World) -> None:
    moved = await world.client.post("/control/clock", json={"seconds": 90})
    assert moved.json() == {"now": "2026-03-02T12:01:30.0000000Z", "offsetSeconds": 90}
    for wrong in ({}, {"seconds": -1}, {"seconds": "1e3"}, {"seconds": 10**9}, {"seconds": 1.5}):
        assert (await world.client.post("/control/clock", json=wrong)).status_code == 400
    assert (await world.client.get("/control/clock")).json()["offsetSeconds"] == 90


async def test_the_clock_moves_to_the_next_thing_due(worlds: Worlds) -> None:
    async with worlds(shop=Shop(answer=lambda _: PlainTextResponse("no"))) as world:
        assert (await world.client.post("/control/clock", json={"next": True})).json()["offsetSeconds"] == 0
        await world.paid()
        await world.deliver()
        assert (await world.client.post("/control/clock", json={"next": True})).json()["offsetSeconds"] == 60


async def test_a_webhook_is_sent_again_lost_and_duplicated(worlds: Worlds) -> None:
    async with worlds(shop=Shop(answer=lambda _: PlainTextResponse("no"))) as world:
        await world.paid()
        sent = await world.client.post("/control/webhooks/1/send")
        assert sent.json()["attempts"][0]["answer"] == "no"
        assert (await world.client.post("/control/webhooks/1/lose")).json()["state"] == "lost"
        await world.later(days=31)
        assert len(world.shop.received) == 1
        assert (await world.client.post("/control/webhooks/1/duplicate")).json()["id"] == 2
        await world.deliver()
        assert len(world.shop.received) == 2
        assert world.shop.raw[0][0] == world.shop.raw[1][0]
        for path in ("/control/webhooks/9/send", "/control/webhooks/1/shred"):
            assert (await world.client.post(path)).status_code == 404


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("pay", "Paid"), ("decline", "Declined"), ("fail", "Failed"), ("block", "Blocked"), ("cancel", "Cancelled"),
     ("commission", "Commissioned")],
)  # fmt: skip
async def test_a_job_is_decided_without_the_page(world: World, outcome: str, status: str) -> None:
    job = (await world.merchant.create())["data"]["reference"]
    decided = await world.client.post(f"/control/jobs/{job}/{outcome}")
    assert decided.json()["payments"][0]["status"] == status


async def test_what_cannot_be_decided_is_refused(world: World) -> None:
    job, _ = await world.paid()
    refused = await world.client.post(f"/control/jobs/{job}/decline")
    assert (refused.status_code, error_code(refused)) == (400, "InvalidPaymentStatus")
    assert (await world.client.post("/control/jobs/1/pay")).status_code == 404
    assert (await world.client.post(f"/control/jobs/{job}/bless")).status_code == 404


async def test_other_sites_pages_may_not_use_the_controls(world: World) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await world.client.post("/control/clock", json={"seconds": 60}, headers=foreign)).status_code == 403
    assert world.simulator.clock.offset.total_seconds() == 0


async def test_the_operator_page_has_every_lever(world: World) -> None:
    assert "No payment jobs yet" in (await world.client.get("/")).text
    await world.merchant.create("A-<1>")
    await world.paid("A-1002")
    await world.client.post("/control/faults", data={"order": "", "script": "delay"})
    page = await world.client.get("/")
    assert "A-&lt;1&gt;" in page.text
    assert "<script" not in page.text
    for action in (
        "control/clock",
        r"control/webhooks/1/send",
        r"control/webhooks/1/lose",
        r"control/webhooks/1/duplicate",
    ):
        assert f'action="{action}"' in page.text
    found = await world.client.get("/", params={"order": "A-1002"})
    assert "A-&lt;1&gt;" not in found.text
    assert "<code>delay</code>" in found.text
    await world.client.post("/control/faults", data={"order": "*", "disarm": "true"})
    assert world.simulator.scripts.armed() == []


@pytest.mark.parametrize("mount", ["", "/sandbox"])
async def test_everything_works_at_any_mount(mount: str) -> None:
    base = f"http://backend.example{mount}"
    shop = Shop()
    async with shop.client() as webhooks:
        simulator = Simulator(SimulatorSettings(public_base_url=base), webhook_client=webhooks, clock=frozen_clock())
        outer = FastAPI()
        outer.mount(mount or "/", simulator.app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=outer), base_url=base) as browser:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=simulator.app), base_url="http://gw"
            ) as gateway:
                merchant = Merchant(gateway, simulator.settings)
                created = await merchant.create()
                over_http = await Merchant(browser, simulator.settings).job(created["data"]["reference"])
                assert over_http == created["data"]
                trailing = await Merchant(browser, simulator.settings).call(
                    "GET", f"/payment-jobs/{created['data']['reference']}/"
                )
                assert trailing.status_code == 200
            assert created["links"]["action"]["url"].startswith(f"{base}/payment?ref=")
            declined = await Shopper(browser).pay(created, DECLINED)
            assert declined.next_request is not None
            assert str(declined.next_request.url) == created["links"]["action"]["url"]
            assert (await Shopper(browser).pay(created)).headers["location"].startswith("https://shop.example/ok")
            page = await browser.get("/")
            actions = set(re.findall(r'action="([^"]+)"', page.text))
            assert actions
            for action in sorted(actions):
                landed = await browser.post(action, data={"seconds": "1", "script": "delay"}, follow_redirects=True)
                if action != "./":
                    assert str(landed.url) == f"{base}/"
            assert (await browser.get("/faults")).status_code == 200
            assert (await browser.get(page_path(created))).status_code == 200
        simulator.close()
