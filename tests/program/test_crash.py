"""kill -9 at the worst moments: what was acknowledged is kept, and what was open goes on."""

from typing import Final

from .host import WEBHOOK_SECRET, Host
from .shop import Shop, paid_exactly_once, pay, post_webhook

SIGNED: Final = {"CASHFLOWS_WEBHOOK_SECRET": WEBHOOK_SECRET}


def test_an_order_is_still_paid_after_a_kill_right_after_the_webhooks_200(host: Host) -> None:
    backend = host.backend(SIGNED)
    payment = Shop(backend).created()["payment_reference"]
    told = {"order": "TEST-001", "payment": payment, "status": "captured"}
    assert post_webhook(backend, WEBHOOK_SECRET, **told).status_code == 200
    backend.process.kill()

    again = host.backend(SIGNED, port=backend.port)
    assert paid_exactly_once(Shop(again).order())
    assert post_webhook(again, WEBHOOK_SECRET, **told).status_code == 200
    assert paid_exactly_once(Shop(again).order())


def test_a_webhook_with_another_secret_changes_nothing(host: Host) -> None:
    backend = host.backend(SIGNED)
    payment = Shop(backend).created()["payment_reference"]
    told = {"order": "TEST-001", "payment": payment, "status": "captured"}
    assert post_webhook(backend, "a-guess", **told).status_code == 401
    assert Shop(backend).order()["status"] == "pending"


def test_a_payment_page_outlives_a_kill_between_create_and_pay(host: Host) -> None:
    backend = host.backend()
    created = Shop(backend).created()
    backend.process.kill()

    again = host.backend(port=backend.port)
    shop = Shop(again)
    assert shop.created() == created
    answer = pay(again.client, created["action_url"])
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (
        303,
        f"{again.url}/api/payment/success",
    )
    assert paid_exactly_once(shop.order_once("paid"))


def test_a_kill_right_after_paying_is_made_up_for_when_the_customer_comes_back(host: Host) -> None:
    backend = host.backend()
    back = pay(backend.client, Shop(backend).created()["action_url"])
    backend.process.kill()

    again = host.backend(port=backend.port)
    assert again.client.get(back.headers["location"]).status_code == 200
    assert paid_exactly_once(Shop(again).order_once("paid"))
