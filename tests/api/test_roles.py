from pathlib import Path

import pytest

from backend.domain.roles import Role, new_operator_key

from .program import CREATE, problem, program, token

RESUME = "/api/operator/gateways/cashflows/resume"
KEYS = {role: new_operator_key(f"{role}-anna", role) for role in Role}
SETTING = ",".join(entry for _, entry in KEYS.values())


def bearer(credentials: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credentials}"}


@pytest.mark.parametrize("role", Role)
async def test_a_key_may_do_what_its_role_says(tmp_path: Path, role: Role) -> None:
    async with program(tmp_path, operator_keys=SETTING) as here:
        await here.create("alice")
        key = bearer(KEYS[role][0])
        assert (await here.client.get("/api/orders/TEST-001", headers=key)).status_code == 200
        resumed = await here.client.post(RESUME, headers=key)
        if role is Role.ADMIN:
            assert resumed.status_code == 200
        else:
            assert "needs the role admin" in problem(resumed, 403, "not-allowed")["detail"]


async def test_no_order_can_be_a_keys_own(tmp_path: Path) -> None:
    async with program(tmp_path, operator_keys=SETTING) as here:
        for path in ("/api/payment/create", "/api/checkout/complete"):
            answer = await here.client.post(path, json=CREATE, headers=bearer(KEYS[Role.ADMIN][0]))
            problem(answer, 403, "customers-only")


async def test_an_unknown_key_is_told_from_a_bad_token_by_nothing(tmp_path: Path) -> None:
    async with program(tmp_path, operator_keys=SETTING) as here:
        answers = [
            problem(await here.client.get("/api/orders/A", headers=bearer(wrong)), 401, "not-authenticated")
            for wrong in (new_operator_key("x", Role.ADMIN)[0], "ok_", KEYS[Role.ADMIN][0] + "x", "nonsense")
        ]
        assert all(answer == answers[0] for answer in answers)


async def test_a_customer_whose_name_is_an_operators_is_no_operator(tmp_path: Path) -> None:
    async with program(tmp_path, operator_keys=SETTING) as here:
        answer = await here.client.post(RESUME, headers=bearer(token("admin-anna", role="admin", is_admin="admin")))
        problem(answer, 403, "not-allowed")
