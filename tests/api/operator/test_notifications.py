"""The whole program tells a shop's server on a real socket, and operators see and steer it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from standardwebhooks.webhooks import Webhook

from backend.domain.roles import Role
from tests.shop.receiver import SECRET, Receiver, answer, receiver

from ..program import problem, program
from .conftest import KEYS
from .desk import Desk

ENDPOINT = "notification-endpoint"


@asynccontextmanager
async def telling(folder: Path, shop: Receiver) -> AsyncIterator[Desk]:
    entries = ",".join(entry for _, entry in KEYS.values())
    settings: dict[str, Any] = {
        "notification_url": f"http://localhost:{shop.port}/hooks",
        "notification_secret": SECRET,
    }
    async with program(folder, operator_keys=entries, worker_poll_seconds=0.05, **settings) as running:
        yield Desk(running, {role: key for role, (key, _) in KEYS.items()})


async def notification(desk: Desk, state: str) -> dict[str, Any]:
    """The order's only notification, once it has come to ``state``."""
    with anyio.fail_after(20):
        while True:
            told = (await desk.get("orders/TEST-001/notifications")).json()["notifications"]
            if [each["state"] for each in told] == [state]:
                only: dict[str, Any] = told[0]
                return only
            await anyio.sleep(0.02)


async def test_a_payment_is_told_to_the_shop_signed_and_can_be_told_again(tmp_path: Path) -> None:
    async with receiver() as shop, telling(tmp_path, shop) as desk:
        await desk.pay()
        (got,) = await shop.wait_for(1)
        told = Webhook(SECRET).verify(got.body, got.headers)
        assert (told["type"], told["data"]["sequence"]) == ("order.paid", 1)
        seen = await notification(desk, "delivered")
        assert (seen["id"], seen["attempts"]) == ("mock/TEST-001/1", 1)
        assert [entry["answer"] for entry in seen["log"]] == ["answered 200"]

        again = await desk.post("orders/TEST-001/notifications/1/redeliver", role=Role.REFUNDER)
        assert again.status_code == 200
        _, second = await shop.wait_for(2)
        assert (second.body, second.headers["webhook-id"]) == (got.body, got.headers["webhook-id"])
        none = await desk.post("orders/TEST-001/notifications/9/redeliver")
        problem(none, 404, "no-such-notification")


async def test_the_endpoint_is_paused_tried_and_resumed(tmp_path: Path) -> None:
    async with receiver() as shop, telling(tmp_path, shop) as desk:
        shop.reply = lambda _: answer(410)
        await desk.pay()
        await shop.wait_for(1)
        with anyio.fail_after(20):
            while not (seen := (await desk.get(ENDPOINT)).json())["is_paused"]:  # noqa: ASYNC110 - from outside
                await anyio.sleep(0.02)
        assert (seen["paused_by"], seen["address"]) == ("rules", f"http://localhost:{shop.port}/hooks")
        assert "it says that it is gone" in seen["why"]
        assert "notification_failing" in (await desk.order())["needs_attention"]

        tried = (await desk.post(f"{ENDPOINT}/test", role=Role.REFUNDER)).json()
        assert tried == {"taken": False, "answer": "answered 410"}
        shop.reply = lambda _: answer(204)
        assert (await desk.post(f"{ENDPOINT}/test")).json() == {"taken": True, "answer": "answered 204"}
        assert not (await desk.post(f"{ENDPOINT}/resume")).json()["is_paused"]
        await notification(desk, "pending")
        await desk.post("orders/TEST-001/notifications/1/redeliver")
        await notification(desk, "delivered")
        assert "notification_failing" not in (await desk.order())["needs_attention"]

        paused = (await desk.post(f"{ENDPOINT}/pause", {"reason": "we are moving"})).json()
        assert (paused["is_paused"], paused["paused_by"], paused["why"]) == (True, "admin-key", "we are moving")


async def test_without_an_endpoint_operators_are_told_what_to_set(desk: Desk) -> None:
    await desk.pay()
    assert (await desk.get("orders/TEST-001/notifications")).json()["notifications"] == []
    assert (await desk.get(ENDPOINT)).json()["address"] is None
    for path in (f"{ENDPOINT}/test", f"{ENDPOINT}/resume", "orders/TEST-001/notifications/1/redeliver"):
        assert "NOTIFICATION_URL" in problem(await desk.post(path), 409, "notifications-off")["detail"]


@pytest.mark.parametrize(
    ("path", "body", "needed"),
    [
        (f"{ENDPOINT}/pause", {"reason": "a test"}, Role.ADMIN),
        (f"{ENDPOINT}/resume", None, Role.ADMIN),
        (f"{ENDPOINT}/test", None, Role.REFUNDER),
        ("orders/TEST-001/notifications/1/redeliver", None, Role.REFUNDER),
    ],
)
async def test_each_action_needs_its_role(desk: Desk, path: str, body: Any, needed: Role) -> None:
    below = Role.REFUNDER if needed is Role.ADMIN else Role.VIEWER
    problem(await desk.post(path, body, below), 403, "not-allowed")


async def test_an_order_that_is_none_has_no_notifications(desk: Desk) -> None:
    problem(await desk.get("orders/NONE/notifications"), 404, "no-such-order")
