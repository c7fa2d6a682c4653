"""A shop's side of the API, a customer on the hosted page, and a signed webhook, in this folder's own few lines."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import jwt

from .host import JWT_SECRET
from .process import Site, until

GOOD_CARD: Final = "4111 1111 1111 1111"
DECLINED_CARD: Final = "4000 0000 0000 0002"
EXPIRED_CARD: Final = "4000 0000 0000 0069"

CALL_OF_THE_GUIDE: Final = (
    b'{"amount": 10.00, "currency": "GBP", "order_reference": "TEST-001", '
    b'"customer_email": "test@example.com", "customer_name": "Test User"}'
)


def customer_token(user: str = "customer-7", *, secret: str = JWT_SECRET) -> str:
    """As the shop's login would issue it."""
    claims = {"sub": user, "email": "test@example.com", "exp": datetime.now(UTC) + timedelta(hours=1)}
    return jwt.encode(claims, secret, algorithm="HS256")


class Shop:
    """Calls one backend as a shop's frontend does for a customer."""

    def __init__(self, site: Site, token: str | None = None) -> None:
        self.client = site.client
        self.headers = {"Authorization": f"Bearer {token or customer_token()}"}

    def create(self, reference: str = "TEST-001") -> httpx.Response:
        """The guide's call, for an order of this name."""
        body = CALL_OF_THE_GUIDE.replace(b"TEST-001", reference.encode())
        headers = self.headers | {"Content-Type": "application/json"}
        return self.client.post("/api/payment/create", content=body, headers=headers)

    def created(self, reference: str = "TEST-001") -> Any:
        """The answer to a call that must succeed."""
        answer = self.create(reference)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, reference: str = "TEST-001") -> Any:
        answer = self.client.get(f"/api/orders/{reference}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order_once(self, status: str, reference: str = "TEST-001") -> Any:
        """The order as soon as it has this status."""
        until(f"order {reference} is {status}", lambda: self.order(reference)["status"] == status)
        return self.order(reference)


def pay(client: httpx.Client, action_url: str, *, number: str = GOOD_CARD, name: str = "Test User") -> httpx.Response:
    """Fill in the hosted page and press its button; returns the redirect to the shop."""
    assert client.get(action_url).status_code == 200
    return client.post(action_url, data=card(number, name) | {"action": "pay"})


def card(number: str = GOOD_CARD, name: str = "Test User") -> dict[str, str]:
    """What a customer types, by the fields' names."""
    in_three_years = f"12/{(datetime.now(UTC).year + 3) % 100:02d}"
    return {"cc-number": number, "cc-name": name, "cc-exp": in_three_years, "cc-csc": "123"}


def post_webhook(site: Site, secret: str, *, order: str, payment: str, status: str) -> httpx.Response:
    """Tell the backend what became of a payment, as the gateway does."""
    body = json.dumps(
        {"event": f"payment.{status}", "status": status, "paymentReference": payment, "orderReference": order}
    ).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Signature": signature, "Content-Type": "application/json"}
    return site.client.post("/api/webhooks/cashflows", content=body, headers=headers)


def paid_exactly_once(order: Any) -> bool:
    """Paid, by one payment, that captured the order's amount and no more."""
    captured = [payment["captured"] for payment in order["payments"]]
    return order["status"] == "paid" and captured == [order["amount"]] == [order["captured"]]
