"""Clients that take their time, to keep us from others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from backend.api.layers import body_limits
from backend.api.layers.body_limits import BodyLimits, Reading
from backend.time_limit import TimeLimit
from tests.api.program import Program, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


def limit(seconds: float, cut_off: Callable[[Reading], None] = Reading.cut_off) -> TimeLimit[Reading]:
    return TimeLimit(seconds, is_over=Reading.has_ended, give_up=cut_off)


@pytest.mark.parametrize("path", ["/api/payment/create", "/api/webhooks/cashflows", "/api/checkout/complete"])
@pytest.mark.parametrize("first", [b"", b"{", b'{"amount":'])
async def test_a_body_that_comes_too_slowly_is_cut_off(
    here: Program, monkeypatch: pytest.MonkeyPatch, path: str, first: bytes
) -> None:
    monkeypatch.setattr(body_limits, "LIMIT", limit(0.05))

    async def dripping() -> AsyncIterator[bytes]:
        yield first
        await asyncio.Event().wait()

    response = await here.client.post(path, content=dripping(), headers=here.headers())
    problem(response, 408, "body-too-slow")


async def test_whoever_is_ended_as_the_body_is_late_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shutdown is no reason to answer that the body came too slowly."""
    late = asyncio.Event()

    def cut_off(reading: Reading) -> None:
        reading.cut_off()
        task.cancel()
        late.set()

    async def never(*_: object) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(body_limits, "LIMIT", limit(0.01, cut_off))
    scope = {"type": "http", "method": "POST", "path": "/api/payment/create"}
    task = asyncio.create_task(BodyLimits(never)(scope, never, never))
    await late.wait()
    with pytest.raises(asyncio.CancelledError):
        await task
