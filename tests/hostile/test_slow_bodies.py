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


async def test_of_too_many_bodies_that_are_waited_for_the_one_that_takes_longest_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_limits, "MOST_AT_ONCE", 2)
    answered: list[str] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def whole() -> Any:
        return {"type": "http.request", "body": b"{}"}

    async def app(scope: Any, *_: object) -> None:
        answered.append(f"{scope['path']} 200")

    async def ask(path: str, receive: Any) -> None:
        async def send(message: Any) -> None:
            if "status" in message:
                answered.append(f"{path} {message['status']}")

        await layer({"type": "http", "method": "POST", "path": path}, receive, send)

    layer = body_limits.BodyLimits(app)
    slow = [asyncio.create_task(ask(path, never)) for path in ("first", "second", "third", "fourth")]
    await asyncio.wait(slow[:2])
    assert answered == ["first 408", "second 408"]
    await ask("whole", whole)
    await asyncio.wait(slow[2:3])
    assert answered[2:] == ["whole 200", "third 408"]
    slow[3].cancel()


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
