from pathlib import Path
from typing import Any

import anyio

from backend.assemble import services
from backend.config import Settings

from ..program import BASE_URL, Program, problem, program, token

RESUME = "/api/operator/gateways/cashflows/resume"


async def refuse_credentials(here: Program, reference: str) -> None:
    """Have the simulated account answer 401 to everything about an order."""
    answer = await here.client.put(f"/sandbox/control/faults/{reference}", json={"scripts": ["unauthorized"]})
    assert answer.is_success


async def test_two_refusals_stop_the_calls_until_an_operator_resumes(here: Program) -> None:
    for reference in ("A-1", "A-2"):
        await refuse_credentials(here, reference)
        problem(await here.create(order_reference=reference), 502, "gateway-refused")
    stopped = await here.client.get("/readyz")
    assert stopped.status_code == 200, "webhooks must still come in"
    assert "refused our credentials twice" in stopped.json()["gateways"]["cashflows"]
    problem(await here.create(order_reference="B-1"), 503, "gateway-unavailable")

    operator = {"Authorization": f"Bearer {token('operator', is_admin=True)}"}
    resumed = await here.client.post(RESUME, headers=operator)
    assert resumed.json() == {"gateway": "cashflows", "refusal": None}
    assert (await here.create(order_reference="B-1")).status_code == 200


async def test_only_operators_may_resume(here: Program) -> None:
    problem(await here.client.post(RESUME), 401, "not-authenticated")
    problem(await here.client.post(RESUME, headers=here.headers()), 403, "not-allowed")
    operator = {"Authorization": f"Bearer {token('operator', is_admin=True)}"}
    other = await here.client.post("/api/operator/gateways/other/resume", headers=operator)
    problem(other, 404, "no-such-gateway")


async def stopped_calls(here: Program) -> str:
    """What ``/readyz`` says of the gateway, as soon as it says that it is not called."""
    with anyio.fail_after(20):
        while (said := await gateway_said(here)) == "in use":  # noqa: ASYNC110 - seen from outside
            await anyio.sleep(0.01)
    return said


async def gateway_said(here: Program) -> str:
    return str((await here.client.get("/readyz")).json()["gateways"]["cashflows"])


async def test_programs_that_share_a_store_stop_together_and_over_restarts(tmp_path: Path) -> None:
    poll: dict[str, Any] = {"worker_poll_seconds": 0.05}
    async with program(tmp_path, **poll) as one, program(tmp_path, **poll) as two:
        for reference in ("A-1", "A-2"):
            await refuse_credentials(one, reference)
        problem(await one.create(order_reference="A-1"), 502, "gateway-refused")
        assert (await gateway_said(one), await gateway_said(two)) == ("in use", "in use")
        problem(await two.create(order_reference="A-2"), 502, "gateway-refused")
        for here in (one, two):
            assert "refused our credentials 2 times in a row" in await stopped_calls(here)
            problem(await here.create(order_reference="B-1"), 503, "gateway-unavailable")

    async with services(Settings(_env_file=None, data_dir=tmp_path, public_base_url=BASE_URL)) as beside:
        said = beside.gateways["cashflows"].refusal()
        assert "refused our credentials 2 times in a row" in str(said), "known before anything is called"

    async with program(tmp_path, **poll) as again, program(tmp_path, **poll) as other:
        assert "refused our credentials 2 times in a row" in await gateway_said(again)
        problem(await again.create(order_reference="B-1"), 503, "gateway-unavailable")
        operator = {"Authorization": f"Bearer {token('operator', is_admin=True)}"}
        resumed = await again.client.post(RESUME, headers=operator)
        assert resumed.json() == {"gateway": "cashflows", "refusal": None}
        with anyio.fail_after(20):
            while await gateway_said(other) != "in use":  # noqa: ASYNC110 - seen from outside
                await anyio.sleep(0.01)
        assert (await other.create(order_reference="B-1")).status_code == 200
