"""A merchant, a shop that receives webhooks, and a clock, around one simulator.

The merchant signs with its own few lines of ``hashlib``, not with the simulator's, so that both cannot share a mistake.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.simulator import Clock, Simulator, SimulatorSettings

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOOK = "https://shop.example/hook"
RETURNS = {
    "returnUrlSuccess": "https://shop.example/ok?cart=7",
    "returnUrlFailed": "https://shop.example/failed",
    "returnUrlCancelled": "https://shop.example/cancelled",
    "webhookUrl": HOOK,
}
PAYS, DECLINED, EXPIRED = "4111 1111 1111 1111", "4000 0000 0000 0002", "4000 0000 0000 0069"


def frozen_clock() -> Clock:
    return Clock(lambda: NOON)


@dataclass
class Shop:
    """Receives webhooks; acknowledges them as ``answer`` does, by default with both references echoed."""

    received: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[bytes, Mapping[str, str]]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], Response] = JSONResponse

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/hook", self._hook, methods=["POST"])])

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app()))

    @property
    def statuses(self) -> list[str]:
        return [body["status"] for body in self.received]

    async def _hook(self, request: Request) -> Response:
        raw = await request.body()
        self.raw.append((raw, request.headers))
        self.received.append(json.loads(raw))
        return self.answer(self.received[-1])


class Merchant:
    """A client of the gateway API that nobody here wrote: signs the exact bytes it sends."""

    def __init__(self, client: httpx.AsyncClient, settings: SimulatorSettings, scheme: str = "hmac-sha256") -> None:
        self.client = client
        self.settings = settings
        self.scheme = scheme

    def hash(self, body: bytes) -> str:
        if self.scheme == "sha512":
            return hashlib.sha512(self.settings.api_key.encode() + body).hexdigest().upper()
        secret = self.settings.api_secret.encode()
        return hmac.new(secret, secret + body, hashlib.sha256).hexdigest()

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {"ConfigurationId": self.settings.configuration_id, "Hash": self.hash(raw)}
        return await self.client.request(
            method, f"/api/gateway{path}", content=raw, headers={**signed, **(headers or {})}
        )

    async def create(self, order_number: str = "A-1001", *, amount: Any = "10.00", **more: Any) -> dict[str, Any]:
        response = await self.call("POST", "/payment-jobs", self.create_body(order_number, amount=amount, **more))
        assert response.status_code == 201, response.text
        return dict(response.json())

    @staticmethod
    def create_body(order_number: str = "A-1001", *, amount: Any = "10.00", **more: Any) -> dict[str, Any]:
        parameters = RETURNS | more.pop("parameters", {})
        base = {"amountToCollect": amount, "currency": "GBP", "locale": "en_GB"}
        return base | {"order": {"orderNumber": order_number}, "parameters": parameters} | more

    async def job(self, reference: str) -> dict[str, Any]:
        response = await self.call("GET", f"/payment-jobs/{reference}")
        assert response.status_code == 200, response.text
        return dict(response.json()["data"])

    async def refund(self, job: str, payment: str, amount: Any = None, **more: Any) -> httpx.Response:
        body = {"amountToRefund": amount} if amount is not None else {}
        return await self.call("POST", f"/payment-jobs/{job}/payments/{payment}/refunds", body | more)

    async def capture(self, job: str, payment: str, **body: Any) -> httpx.Response:
        return await self.call("POST", f"/payment-jobs/{job}/payments/{payment}/captures", body)

    async def cancel(self, job: str, payment: str | None = None) -> httpx.Response:
        part = f"/payments/{payment}" if payment else ""
        return await self.call("PATCH", f"/payment-jobs/{job}{part}/cancel")


class Shopper:
    """A browser without scripts."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def open(self, created: Mapping[str, Any]) -> httpx.Response:
        return await self.client.get(page_path(created))

    async def press(self, created: Mapping[str, Any], action: str = "pay", **fields: str) -> httpx.Response:
        return await self.client.post(page_path(created), data={**fields, "action": action})

    async def pay(
        self, created: Mapping[str, Any], number: str = PAYS, name: str = "", **fields: str
    ) -> httpx.Response:
        card = {"cc-number": number, "cc-name": name, "cc-exp": "12/29", "cc-csc": "123"}
        return await self.press(created, **(card | fields))


@dataclass
class World:
    simulator: Simulator
    client: httpx.AsyncClient
    shop: Shop
    merchant: Merchant
    shopper: Shopper

    @property
    def published(self) -> Merchant:
        """The same merchant, speaking the scheme that Cashflows publishes."""
        return Merchant(self.client, self.merchant.settings, "sha512")

    async def deliver(self) -> None:
        await self.simulator.deliver_due()

    async def later(self, **by: float) -> None:
        """Some time later, with everything delivered that became due."""
        self.simulator.move_clock(timedelta(**by))
        await self.deliver()

    async def paid(self, order_number: str = "A-1001", **more: Any) -> tuple[str, str]:
        """References of a job that was paid on the page, and of its payment."""
        created = await self.merchant.create(order_number, **more)
        assert (await self.shopper.pay(created)).status_code == 303
        data = created["data"]
        return data["reference"], data["payments"][0]["reference"]

    async def jobs(self, order: str | None = None) -> list[dict[str, Any]]:
        return list((await self.client.get("/jobs.json", params={"order": order} if order else {})).json()["jobs"])


def page_path(created: Mapping[str, Any]) -> str:
    url = urlsplit(created["links"]["action"]["url"])
    assert re.fullmatch(r"ref=[0-9a-f]{96}", url.query)
    return f"/payment?{url.query}"


def error_code(response: httpx.Response) -> str:
    return str(response.json()["errorReport"]["errors"][0]["code"])
