"""Against a gateway in another process: credentials, signatures, pages and webhooks, all over real sockets."""

import pytest

from .host import Host, credentials
from .shop import DECLINED_CARD, Shop, paid_exactly_once, pay


@pytest.mark.parametrize(("scheme", "name"), [("hmac-sha256", "Test User"), ("sha512", "Luke Skywalker")])
def test_an_order_is_paid_through_a_gateway_across_a_socket(host: Host, scheme: str, name: str) -> None:
    gateway = host.gateway()
    shop = Shop(backend := host.backend(credentials(gateway.port, CASHFLOWS_SCHEME=scheme)))
    created = shop.created()
    assert created["is_mocked"] is False
    assert created["action_url"].startswith(f"{gateway.url}/payment?ref=")

    back = pay(gateway.client, created["action_url"], name=name)
    assert back.headers["location"].startswith(f"{backend.url}/api/payment/success?ref=TEST-001")
    assert paid_exactly_once(shop.order_once("paid"))
    [job] = gateway.jobs("TEST-001")
    assert [webhook["state"] for webhook in job["webhooks"]] == ["acknowledged"]


def test_a_declined_payment_is_followed_by_another_in_the_same_job(host: Host) -> None:
    gateway = host.gateway()
    shop = Shop(host.backend(credentials(gateway.port)))
    page = shop.created()["action_url"]
    pay(gateway.client, page, number=DECLINED_CARD)
    shop.order_once("failed")
    pay(gateway.client, page)
    order = shop.order_once("paid")
    assert [payment["status"] for payment in order["payments"]] == ["declined", "captured"]
    assert len(gateway.jobs("TEST-001")) == 1


def test_a_lost_webhook_is_made_up_for_by_asking_when_the_customer_comes_back(host: Host) -> None:
    gateway = host.gateway()
    shop = Shop(host.backend(credentials(gateway.port)))
    order = "FAULT.lost-webhook.A-1"
    back = pay(gateway.client, shop.created(order)["action_url"])
    assert shop.client.get(back.headers["location"]).status_code == 200
    assert paid_exactly_once(shop.order_once("paid", order))


def test_a_gateway_that_is_down_is_told_and_the_same_call_succeeds_later_with_one_job(host: Host) -> None:
    port = host.reserve_port()
    shop = Shop(host.backend(credentials(port)))
    refused = shop.create()
    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["type"] == "urn:rafflestack:problem:gateway-unavailable"

    gateway = host.gateway(port=port)
    created = shop.created()
    assert shop.created() == created
    assert [job["reference"] for job in gateway.jobs()] == [created["payment_job_reference"]]


def test_a_reply_that_is_lost_gives_the_customer_one_page_and_no_second_charge(host: Host) -> None:
    gateway = host.gateway()
    shop = Shop(host.backend(credentials(gateway.port)))
    order = "FAULT.lost-reply.create.A-1"
    assert shop.create(order).status_code == 503
    pay(gateway.client, shop.created(order)["action_url"])
    assert paid_exactly_once(shop.order_once("paid", order))
    assert sorted(job["status"] for job in gateway.jobs()) == ["Paid", "Pending"]
