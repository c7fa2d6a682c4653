"""Clients that take their time, to keep us from others."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backend.api.layers import body_limits
from tests.api.program import problem, program


@pytest.fixture(autouse=True)
def _little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program reads the time when it is made; nobody waits ten seconds for a test."""
    monkeypatch.setattr(body_limits, "LONGEST_BODY_SECONDS", 0.05)


@pytest.mark.parametrize("path", ["/api/payment/create", "/api/webhooks/cashflows", "/api/checkout/complete"])
@pytest.mark.parametrize("first", [b"", b"{", b'{"amount":'])
async def test_a_body_that_comes_too_slowly_is_cut_off(tmp_path: Path, path: str, first: bytes) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        yield first
        await asyncio.Event().wait()

    async with program(tmp_path) as here:
        response = await here.client.post(path, content=dripping(), headers=here.headers())
    problem(response, 408, "body-too-slow")


async def test_whoever_is_ended_as_the_body_is_late_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shutdown is no reason to answer that the body came too slowly."""
    receiving, loop = asyncio.Event(), asyncio.get_running_loop()

    async def never(*_: object) -> Any:
        receiving.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        raise AssertionError(f"nothing is to be answered, and it was {message}")

    layer = body_limits.BodyLimits(never)
    scope = {"type": "http", "method": "POST", "path": "/api/payment/create"}
    task = asyncio.create_task(layer(scope, never, send))
    await receiving.wait()
    late = loop.time() + 1
    monkeypatch.setattr(loop, "time", lambda: late)
    loop.call_soon(task.cancel)  # in the same turn in which the alarm rings
    with pytest.raises(asyncio.CancelledError):
        await task
