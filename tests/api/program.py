"""The whole application as ``bootstrap`` makes it, called in process, with a customer's token at hand."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt

from backend.bootstrap import StoreMaker, create_app, make_store
from backend.config import Settings

JWT_SECRET = "a-secret-of-the-tests-that-is-long-enough"
WEBHOOK_SECRET = "a-webhook-secret-of-the-tests"
BASE_URL = "http://shop.example"
CREATE: dict[str, Any] = {
    "amount": 10.00,
    "currency": "GBP",
    "order_reference": "TEST-001",
    "customer_email": "test@example.com",
    "customer_name": "Test User",
}


def token(user: str = "alice", **claims: Any) -> str:
    """As the shop's login makes one, with another library's plain call."""
    told = {"sub": user, "exp": datetime.now(UTC) + timedelta(hours=2), "email": "test@example.com", **claims}
    return jwt.encode({name: value for name, value in told.items() if value is not None}, JWT_SECRET, "HS256")


@dataclass
class Program:
    client: httpx.AsyncClient

    def headers(self, user: str = "alice") -> dict[str, str]:
        return {"Authorization": f"Bearer {token(user)}"}

    async def create(self, user: str = "alice", **changes: Any) -> httpx.Response:
        return await self.client.post("/api/payment/create", json=CREATE | changes, headers=self.headers(user))

    async def create_raw(self, body: bytes | str, **headers: str) -> httpx.Response:
        sent = {"Content-Type": "application/json", **self.headers(), **headers}
        return await self.client.post("/api/payment/create", content=body, headers=sent)

    async def order(self, reference: str = "TEST-001", user: str = "alice") -> httpx.Response:
        return await self.client.get(f"/api/orders/{reference}", headers=self.headers(user))

    async def webhook(
        self, body: dict[str, Any] | bytes, signature: str | None = "right", path: str = "cashflows"
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if signature == "right":
            signature = hmac.new(WEBHOOK_SECRET.encode(), raw, hashlib.sha256).hexdigest()
        headers = {} if signature is None else {"X-Signature": signature}
        return await self.client.post(f"/api/webhooks/{path}", content=raw, headers=headers)


@asynccontextmanager
async def program(folder: Path, store: StoreMaker = make_store, **settings: Any) -> AsyncIterator[Program]:
    chosen = {
        "jwt_secret_key": JWT_SECRET,
        "cashflows_webhook_secret": WEBHOOK_SECRET,
        "data_dir": folder,
        "public_base_url": BASE_URL,
        **settings,
    }
    app = create_app(Settings(_env_file=None, **chosen), store=store)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield Program(client)


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The response's problem details, held to what every problem must have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:rafflestack:problem:{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == response.request.url.path
    return body
