"""The inbox over HTTP: what came, and working through it again."""

from urllib.parse import quote

from backend.domain.roles import Role

from ..program import problem
from .desk import Desk

STRANGER = {"event": "payment.captured", "status": "captured", "paymentReference": "1", "orderReference": "NOT-YET"}


async def test_a_delivery_for_an_order_to_come_is_kept_and_replayed(desk: Desk) -> None:
    kept = await desk.program.webhook(STRANGER)
    assert kept.status_code == 200
    (delivery,) = (await desk.get("deliveries", pending=True)).json()["deliveries"]
    assert (delivery["received"], delivery["gateway"]) == (1, "cashflows")
    assert "NOT-YET" in delivery["body"]
    assert "no such order" in delivery["outcome"]
    path = f"deliveries/{quote(delivery['id'], safe='')}/replay"
    problem(await desk.post(path, role=Role.VIEWER), 403, "not-allowed")
    replayed = await desk.post(path, role=Role.REFUNDER)
    assert (replayed.status_code, replayed.json()["is_pending"]) == (200, True)
    problem(await desk.post("deliveries/mock/cashflows/none/replay"), 404, "no-such-delivery")


async def test_deliveries_are_paged_from_the_last(desk: Desk) -> None:
    for number in range(3):
        await desk.program.webhook(STRANGER | {"paymentReference": str(number)})
    page = (await desk.get("deliveries", limit=2)).json()
    rest = (await desk.get("deliveries", limit=2, cursor=page["next_cursor"])).json()
    assert len(page["deliveries"]) == 2
    assert (len(rest["deliveries"]), rest["next_cursor"]) == (1, None)


async def test_what_nobody_matched_is_counted_and_acknowledged_by_its_id(desk: Desk) -> None:
    await desk.program.webhook(STRANGER)
    assert (await desk.get("money-at-risk")).json()["unmatched_deliveries"] == 0, "it is tried for a day first"
    (delivery,) = (await desk.get("deliveries")).json()["deliveries"]
    path = f"deliveries/{quote(delivery['id'], safe='')}/acknowledge"
    problem(await desk.post(path, role=Role.VIEWER), 403, "not-allowed")
    kept = await desk.post(path, role=Role.REFUNDER)
    assert (kept.status_code, kept.json()["is_pending"]) == (200, True), "one that is still tried is left alone"
    problem(await desk.post("deliveries/mock/cashflows/none/acknowledge"), 404, "no-such-delivery")


async def test_the_gateway_posts_to_the_address_of_its_job(desk: Desk) -> None:
    await desk.pay()
    rows = await desk.delivered()
    assert rows[0]["headers"]["address-of-job"] == "TEST-001"
    assert rows[0]["headers"]["taken-as"] == "fact"
