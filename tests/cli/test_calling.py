"""The gateways on the command line: a lock-out is told, and lifted for every process."""

import asyncio
from pathlib import Path

from tests.api.program import problem, program

from .conftest import Run


async def have_credentials_refused(folder: Path) -> None:
    async with program(folder) as shop:
        for reference in ("A-1", "A-2"):
            arm = {"scripts": ["unauthorized"]}
            assert (await shop.client.put(f"/sandbox/control/faults/{reference}", json=arm)).is_success
            problem(await shop.create(order_reference=reference), 502, "gateway-refused")


def test_a_gateway_that_is_not_called_is_told_and_resumed(run: Run, tmp_path: Path) -> None:
    asyncio.run(have_credentials_refused(tmp_path))
    assert "refused our credentials 2 times in a row" in run("gateway", code=4)
    assert "name one of cashflows" in run("gateway", "resume", "acme", code=2)
    assert run("gateway", "resume", "cashflows", "--by", "ann", "--json") == {"cashflows": "in use"}
    assert run("gateway", "--json") == {"cashflows": "in use"}
