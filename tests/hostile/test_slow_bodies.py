"""Clients that take their time, to keep us from others."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backend.api.layers import body_limits
from tests.api.program import Program, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("path", ["/api/payment/create", "/api/webhooks/cashflows", "/api/checkout/complete"])
@pytest.mark.parametrize("first", [b"", b"{", b'{"amount":'])
async def test_a_body_that_comes_too_slowly_is_cut_off(
    here: Program, monkeypatch: pytest.MonkeyPatch, path: str, first: bytes
) -> None:
    monkeypatch.setattr(body_limits, "LONGEST_BODY_SECONDS", 0.05)

    async def dripping() -> AsyncIterator[bytes]:
        yield first
        await asyncio.Event().wait()

    response = await here.client.post(path, content=dripping(), headers=here.headers())
    problem(response, 408, "body-too-slow")
