"""An operator's side of the application."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import anyio
import httpx

from backend.domain.roles import Role

from ..program import Program


@dataclass
class Desk:
    program: Program
    keys: Mapping[Role, str]

    async def get(self, path: str, role: Role = Role.VIEWER, **query: Any) -> httpx.Response:
        return await self.program.client.get(f"/api/operator/{path}", params=query, headers=self._headers(role))

    async def post(self, path: str, body: Any = None, role: Role = Role.ADMIN) -> httpx.Response:
        return await self.program.client.post(f"/api/operator/{path}", json=body, headers=self._headers(role))

    async def order(self, reference: str = "TEST-001") -> dict[str, Any]:
        answer = await self.get(f"orders/{quote(reference, safe='')}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def pay(self, reference: str = "TEST-001", amount: str = "100.00") -> dict[str, Any]:
        """Start and pay an order, and have its state learned."""
        started = await self.program.create(order_reference=reference, amount=amount)
        page = urlsplit(started.json()["action_url"])
        form = {
            "cc-number": "4111 1111 1111 1111",
            "cc-name": "Luke Skywalker",
            "cc-exp": "12/30",
            "cc-csc": "123",
            "action": "pay",
        }
        paid = await self.program.client.post(f"{page.path}?{page.query}", data=form)
        assert paid.status_code < 400
        checked = await self.post(f"orders/{reference}/check")
        assert checked.status_code == 200, checked.text
        return await self.order(reference)

    async def delivered(self) -> list[dict[str, Any]]:
        """The inbox, once the gateway's webhook about a payment has come, which it does by itself."""
        with anyio.fail_after(20):
            while not (rows := (await self.get("deliveries")).json()["deliveries"]):  # noqa: ASYNC110 - from outside
                await anyio.sleep(0.02)
        told: list[dict[str, Any]] = rows
        return told

    async def ask(self, kind: str, number: int = 1, role: Role = Role.REFUNDER, **more: Any) -> httpx.Response:
        body = {"kind": kind, "number": number, "reason": "the customer sent it back", **more}
        return await self.post("orders/TEST-001/operations", body, role)

    def _headers(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role]}"}
