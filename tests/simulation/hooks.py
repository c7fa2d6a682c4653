"""The way of a webhook from the gateway to one of our processes: lost, late, twice, to whichever process answers."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx

from backend.ports import StoreError, WebhookNotConfigured, WebhookRejected, WebhookUnreadable

from .process import HungUp, Process, Services

if TYPE_CHECKING:
    from .world import World


class WebhookNetwork:
    """Stands where the simulator has its HTTP client."""

    is_closed = False

    def __init__(self, world: "World") -> None:
        self._world = world

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str], **_: object) -> httpx.Response:
        chance = self._world.chance
        if chance.strikes("webhook_lost"):
            raise httpx.ConnectError("connection refused")
        if chance.strikes("webhook_late"):
            await asyncio.sleep(chance.between("webhook", 0.1, 12))
        if chance.strikes("webhook_twice"):
            self._world.spawn(self._again(url, content, headers))
        answer = await self._deliver(url, content, headers)
        if chance.strikes("webhook_answer_lost"):
            raise httpx.ReadError("connection reset")
        return answer

    async def _again(self, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        await asyncio.sleep(self._world.chance.between("webhook", 0, 40))
        try:
            await self._deliver(url, content, headers)
        except httpx.HTTPError:
            return

    async def _deliver(self, url: str, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
        up = self._world.up()
        if not up:
            raise httpx.ConnectError("connection refused")
        process = self._world.chance.pick("webhook", up)
        try:
            answer = await _received(process, headers, content, url.rpartition("/")[2])
        except httpx.HTTPError:
            raise
        except Exception as exc:  # noqa: BLE001 - nothing else may come out of our services
            self._world.violate("no surprise", f"a webhook met {exc!r}")
            raise httpx.ReadError("connection reset") from None
        if answer.status_code == 200:
            self._world.reached("webhook")
            await self._world.invariants.webhook_acknowledged(content)
        return answer


async def _received(process: Process, headers: Mapping[str, str], body: bytes, token: str) -> httpx.Response:
    """As ``api/webhook_routes.py`` answers."""

    async def take(services: Services) -> httpx.Response:
        named = {name.lower(): value for name, value in headers.items()}
        accepted = await services.webhooks.accept("cashflows", named, body, token)
        return httpx.Response(200, json=dict(accepted.acknowledgement))

    try:
        return await process.serve(take)
    except HungUp:
        raise httpx.ReadError("connection reset") from None
    except (WebhookRejected, WebhookNotConfigured):
        return httpx.Response(401)
    except WebhookUnreadable:
        return httpx.Response(400)
    except StoreError:
        return httpx.Response(503)
