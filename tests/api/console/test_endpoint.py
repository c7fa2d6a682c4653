"""The shop's endpoint on the console: seen, tried, paused and resumed, each once and with a reason."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.domain.roles import Role, new_operator_key
from tests.api.operator.desk import Desk
from tests.api.program import program
from tests.shop.receiver import SECRET, Receiver, answer, receiver

from .conftest import PEOPLE, Console


@pytest.fixture
async def shop() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


@pytest.fixture
async def console(tmp_path: Path, shop: Receiver) -> AsyncIterator[Console]:
    made = {role: new_operator_key(name, role) for role, name in PEOPLE.items()}
    settings: dict[str, Any] = {
        "operator_keys": ",".join(entry for _, entry in made.values()),
        "notification_url": f"http://127.0.0.1:{shop.port}/told",
        "notification_secret": SECRET,
        "worker": "off",
    }
    async with program(tmp_path, **settings) as running:
        keys = {role: key for role, (key, _) in made.items()}
        yield Console(running, keys, Desk(running, keys))


async def key(console: Console) -> str:
    found = re.search(r'name="key" value="(\w+)"', (await console.get("/notifications")).text)
    assert found
    return found[1]


def shown_at(sent: httpx.Response) -> str:
    return sent.headers["location"].removeprefix("/console")


async def test_a_test_event_is_sent_once_however_often_the_form_is(console: Console, shop: Receiver) -> None:
    await console.sign_in(Role.REFUNDER)
    form = {"key": await key(console), "reason": "after the shop's release"}
    for _ in range(3):
        sent = await console.post("/notifications/test", **form)
        assert sent.status_code == 303
    assert "The test event was taken: answered 200" in await console.text(
        sent.headers["location"].removeprefix("/console")
    )
    assert len(shop.received) == 1
    await console.post("/notifications/test", key=await key(console), reason="once more")
    assert len(shop.received) == 2


async def test_a_shop_that_does_not_take_it_is_told_of(console: Console, shop: Receiver) -> None:
    shop.reply = lambda _: answer(500)
    await console.sign_in(Role.REFUNDER)
    sent = await console.post("/notifications/test", key=await key(console), reason="is it back?")
    assert "The test event was not taken: answered 500" in await console.text(
        sent.headers["location"].removeprefix("/console")
    )


async def test_pausing_stands_among_what_needs_attention_until_it_is_resumed(console: Console) -> None:
    await console.sign_in(Role.ADMIN)
    old = {"key": await key(console), "reason": "the shop is moved"}
    assert (await console.post("/notifications/pause", **old)).status_code == 303
    overview = await console.text()
    assert "are paused by anna: the shop is moved" in overview
    assert 'href="/console/notifications"' in overview
    text = await console.text("/notifications")
    assert "paused since" in text
    assert "Pause: what falls due" not in text
    resumed = await console.post("/notifications/resume", key=await key(console), reason="the shop has moved")
    assert "sent again" in await console.text(shown_at(resumed))
    assert (await console.post("/notifications/pause", **old)).status_code == 303, "an old form, sent once more"
    assert "What has stopped" not in await console.text()


@pytest.mark.parametrize(
    ("form", "status"),
    [({"reason": ""}, 422), ({"reason": "card 4111 1111 1111 1111"}, 422), ({"key": "made-up"}, 422), ({}, 303)],
)
async def test_a_reason_and_a_key_of_the_page_are_asked_for(
    console: Console, form: dict[str, str], status: int
) -> None:
    await console.sign_in(Role.ADMIN)
    sent = {"key": await key(console), "reason": "maintenance", **form}
    answered = await console.post("/notifications/pause", **sent)
    assert answered.status_code == status
    assert ("What has stopped" in await console.text()) == (status == 303)
    assert "4111" not in answered.text


@pytest.mark.parametrize(("role", "what"), [(Role.VIEWER, "test"), (Role.REFUNDER, "pause"), (Role.REFUNDER, "resume")])
async def test_who_may_not_is_refused(console: Console, shop: Receiver, role: Role, what: str) -> None:
    await console.sign_in(Role.ADMIN)
    made = await key(console)
    await console.sign_in(role)
    assert (await console.post(f"/notifications/{what}", key=made, reason="let me")).status_code == 403
    assert "What has stopped" not in await console.text()
    assert shop.received == []


async def test_another_sites_form_is_refused(console: Console, shop: Receiver) -> None:
    await console.sign_in(Role.ADMIN)
    made = await key(console)
    for forged in ({"form_token": "0" * 64}, {}):
        console.headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} if not forged else {}
        sent = await console.post("/notifications/test", key=made, reason="let me", **forged)
        assert sent.status_code == 403
    assert shop.received == []
