from ..program import Program, problem, token

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
