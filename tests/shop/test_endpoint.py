"""The sender against a real socket: what it sends, and what it makes of everything that may come back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from backend.ports import NotTaken, ShopAnswer, Taken
from backend.shop.addresses import Resolve
from backend.shop.endpoint import KEPT_CHARACTERS, HttpShopEndpoint
from backend.shop.signing import Secret

from .receiver import SECRET, Receiver, answer, receiver

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
async def shop() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


def leading_to(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert host == "shop.example"
        return addresses

    return resolve


HERE = leading_to("127.0.0.1")


@asynccontextmanager
async def endpoint(
    shop: Receiver, resolve: Resolve = HERE, *, limit: float = 5, private: bool = True
) -> AsyncIterator[HttpShopEndpoint]:
    url = f"http://shop.example:{shop.port}/hooks?key=1"
    async with httpx.AsyncClient(trust_env=False) as client:
        yield HttpShopEndpoint(
            url, [Secret.parse(SECRET)], client, limit_seconds=limit, private_allowed=private, resolve=resolve
        )


async def deliver(shop: Receiver, **options: float | bool) -> ShopAnswer:
    async with endpoint(shop, **options) as to:  # type: ignore[arg-type]
        return await to.deliver("mock/A/1", '{"type":"order.paid"}', datetime.now(UTC))


async def test_a_notification_is_posted_to_the_pinned_address_under_the_shops_name(shop: Receiver) -> None:
    assert await deliver(shop) == Taken("answered 200")
    (got,) = shop.received
    assert got.line == "POST /hooks?key=1 HTTP/1.1"
    assert got.headers["host"] == f"shop.example:{shop.port}"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == "mock/A/1"
    assert Webhook(SECRET).verify(got.body, got.headers) == {"type": "order.paid"}


async def test_the_address_that_people_see_holds_no_query(shop: Receiver) -> None:
    async with endpoint(shop) as to:
        assert to.address == f"http://shop.example:{shop.port}/hooks"


async def test_a_name_is_resolved_and_checked_for_every_delivery(shop: Receiver) -> None:
    """A name that leads outside at first and inside afterwards is refused from then on."""
    led: list[Sequence[str]] = [["8.8.8.8"], ["10.0.0.1"]]
    tried: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return led.pop(0)

    async def connect(request: httpx.Request) -> httpx.Response:
        tried.append(request.url.host)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(connect)) as client:
        to = HttpShopEndpoint(
            "https://shop.example/hooks",
            [Secret.parse(SECRET)],
            client,
            limit_seconds=5,
            private_allowed=False,
            resolve=rebinding,
        )
        assert await to.deliver("a/1", "{}", NOON) == Taken("answered 200")
        refused = await to.deliver("a/1", "{}", NOON)
    assert refused == NotTaken("not sent: shop.example leads into a private network, where notifications are not sent")
    assert tried == ["8.8.8.8"]


async def test_outside_mock_mode_a_loopback_target_is_not_even_connected_to(shop: Receiver) -> None:
    refused = await deliver(shop, private=False)
    assert isinstance(refused, NotTaken)
    assert "private network" in refused.words
    assert shop.connections == 0


async def test_the_certificate_is_asked_for_by_the_shops_name() -> None:
    asked: list[httpx.Request] = []

    async def connect(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(204)

    async with httpx.AsyncClient(transport=httpx.MockTransport(connect)) as client:
        to = HttpShopEndpoint(
            "https://shop.example/hooks",
            [Secret.parse(SECRET)],
            client,
            limit_seconds=5,
            private_allowed=False,
            resolve=leading_to("2606:4700::1111"),
        )
        assert await to.deliver("a/1", "{}", NOON) == Taken("answered 204")
    (request,) = asked
    assert str(request.url) == "https://[2606:4700::1111]/hooks"
    assert request.extensions["sni_hostname"] == "shop.example"
    assert request.headers["host"] == "shop.example"


async def test_the_next_address_is_tried_where_one_cannot_be_connected_to(shop: Receiver) -> None:
    async with endpoint(shop, leading_to("::1", "127.0.0.1")) as to:
        assert await to.deliver("a/1", "{}", NOON) == Taken("answered 200")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(shop: Receiver, status: int) -> None:
    shop.reply = lambda _: answer(status, location=f"http://127.0.0.1:{shop.port}/inside")
    assert await deliver(shop) == NotTaken(f"answered {status}, a redirect, which is not followed")
    assert len(shop.received) == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(500, b"<b>no\x1b[31m\r\nway</b>"), NotTaken("answered 500: <b>no [31m way</b>")),
        (answer(400, b"card 4111 1111 1111 1111"), NotTaken("answered 400: card [hidden]")),
        (answer(410), NotTaken("answered 410", is_gone=True)),
        (answer(429, retry_after="120"), NotTaken("answered 429", timedelta(minutes=2))),
        (answer(503, retry_after="soon"), NotTaken("answered 503")),
        (answer(503, retry_after="Mon, 02 Mar 2026 11:00:00 GMT"), NotTaken("answered 503", timedelta())),
        (answer(500, retry_after="120"), NotTaken("answered 500")),
        (b"nonsense\r\n\r\n", NotTaken("no answer: RemoteProtocolError")),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n", Taken("answered 200")),
    ],
)
async def test_every_answer_is_told_in_words(shop: Receiver, reply: bytes, expected: ShopAnswer) -> None:
    shop.reply = lambda _: reply
    assert await deliver(shop) == expected


async def test_of_a_reply_without_end_only_the_beginning_is_read_and_kept(shop: Receiver) -> None:
    shop.reply = lambda _: b"HTTP/1.1 500 No\r\nconnection: close\r\n\r\n" + b"no " * 100_000
    failed = await deliver(shop)
    assert isinstance(failed, NotTaken)
    assert failed.words.startswith("answered 500: no no")
    assert len(failed.words) < KEPT_CHARACTERS + 20


async def test_a_shop_that_never_answers_costs_the_time_limit(shop: Receiver) -> None:
    shop.reply = lambda _: None
    assert await deliver(shop, limit=0.05) == NotTaken("no answer within 0.05 s")


async def test_a_shop_that_is_not_there_and_a_name_that_is_none_are_told_apart(shop: Receiver) -> None:
    async with endpoint(shop, leading_to("::1")) as to:
        assert await to.deliver("a/1", "{}", NOON) == NotTaken("no answer: ConnectError")

    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    async with endpoint(shop, nowhere) as to:
        assert await to.deliver("a/1", "{}", NOON) == NotTaken("not sent: shop.example cannot be resolved (OSError)")
