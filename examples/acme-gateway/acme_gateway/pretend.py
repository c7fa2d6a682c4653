"""A pretended Acme Pay, for tests: its API, its page and its webhooks, over books kept in memory.

ACME_KEY=key ACME_WEBHOOK_SECRET=secret uvicorn --port 9000 acme_gateway.pretend:app --factory
"""

import hashlib
import hmac
import json
import os
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


class PretendedAcme:
    def __init__(self, key: str, webhook_secret: str, shop: httpx.AsyncClient) -> None:
        self.checkouts: dict[str, dict[str, Any]] = {}
        self.odd: dict[str, set[str]] = {}
        """Per checkout, what is odd about it: status, amount, currency, slow, failing."""
        self.refuses_credentials = False
        self._key, self._secret, self._shop = key, webhook_secret, shop
        self.app = Starlette(
            routes=[
                Route("/health", lambda _: PlainTextResponse("well")),
                Route("/checkouts", self._create, methods=["POST"]),
                Route("/checkouts/{id}", self._read, methods=["GET"]),
                Route("/checkouts/{id}/cancel", self._cancel, methods=["POST"]),
                Route("/payments/{id}/refunds", self._refund, methods=["POST"]),
                Route("/pay/{id}", self._page, methods=["POST"]),
            ]
        )

    async def decide(self, checkout_id: str, state: str) -> None:
        """What the customer does on the page; a declined payment may be followed by another."""
        checkout = self.checkouts[checkout_id]
        if checkout["payments"][-1]["state"] != "waiting":
            checkout["payments"].append(_payment(checkout))
        checkout["payments"][-1]["state"] = state
        checkout["open"] = state != "paid"
        body, signature = self.webhook(checkout_id)
        await self._shop.post(checkout["notify"], content=body, headers={"Acme-Signature": signature})

    def webhook(self, checkout_id: str) -> tuple[bytes, str]:
        told = self.told(self.checkouts[checkout_id])
        payment = told["payments"][-1]
        event = {"checkout": checkout_id, "payment": payment["id"], "number": told["number"], "state": payment["state"]}
        body = json.dumps(event).encode()
        return body, hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()

    def told(self, checkout: dict[str, Any]) -> dict[str, Any]:
        """The checkout as the API tells of it."""
        odd = self.odd.get(checkout["id"], set())
        told: dict[str, Any] = json.loads(json.dumps(checkout))
        if "status" in odd:
            told["open"] = True
            for payment in told["payments"]:
                payment["state"] = "quarantined"
        told["amount"] -= "amount" in odd
        told["currency"] = "SEK" if "currency" in odd else told["currency"]
        return told

    async def _create(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        asked, number = await request.json(), f"c{len(self.checkouts) + 1}"
        page = str(request.url_for("_page", id=number))
        checkout = {**asked, "id": number, "page": page, "open": True, "payments": []}
        checkout["payments"].append(_payment(checkout))
        self.checkouts[number] = checkout
        return JSONResponse(self.told(checkout), 201)

    async def _read(self, request: Request) -> Response:
        checkout = self.checkouts.get(request.path_params["id"])
        return self._refusal(request, checkout) or JSONResponse(self.told(checkout or {}))

    async def _cancel(self, request: Request) -> Response:
        checkout = self.checkouts.get(request.path_params["id"])
        if (refusal := self._refusal(request, checkout)) is not None or checkout is None:
            return refusal or Response(status_code=404)
        if not checkout["open"]:
            return JSONResponse({"error": "closed"}, 409)
        checkout["open"], checkout["payments"][-1]["state"] = False, "cancelled"
        return JSONResponse(self.told(checkout))

    async def _refund(self, request: Request) -> Response:
        number, asked = request.path_params["id"], await request.json()
        found = [(c, p) for c in self.checkouts.values() for p in c["payments"] if p["id"] == number]
        if (refusal := self._refusal(request, found)) is not None:
            return refusal
        [(checkout, payment)] = found
        left = checkout["amount"] - sum(r["amount"] for r in payment["refunds"] if r["state"] != "failed")
        if payment["state"] != "paid" or not 0 < asked["amount"] <= left:
            return JSONResponse({"error": "too much"}, 409)
        odd = self.odd.get(checkout["id"], set())
        state = "failed" if "failing" in odd else "started" if "slow" in odd else "done"
        refund = {**asked, "id": f"{number}r{len(payment['refunds']) + 1}", "state": state}
        payment["refunds"].append(refund)
        return JSONResponse(refund, 201)

    async def _page(self, request: Request) -> Response:
        await self.decide(request.path_params["id"], "paid")
        return PlainTextResponse("thank you")

    def _refusal(self, request: Request, found: object = True) -> Response | None:
        if self.refuses_credentials or request.headers.get("authorization") != f"Bearer {self._key}":
            return JSONResponse({"error": "unauthorized"}, 401)
        return None if found else JSONResponse({"error": "not found"}, 404)


def _payment(checkout: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"{checkout['id']}p{len(checkout['payments']) + 1}", "state": "waiting", "refunds": []}


def app() -> Starlette:
    return PretendedAcme(os.environ["ACME_KEY"], os.environ["ACME_WEBHOOK_SECRET"], httpx.AsyncClient()).app
