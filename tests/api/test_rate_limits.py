import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.api.layers.rate_limits import client_address
from backend.domain.roles import Role, new_operator_key

from .program import Program, problem, program, token

KEY, ENTRY = new_operator_key("shop", Role.SERVICE)


async def ask(here: Program, user: str | None = "alice", address: str | None = None) -> httpx.Response:
    headers = {} if user is None else here.headers(user)
    headers |= {} if address is None else {"X-Forwarded-For": address}
    return await here.client.get("/api/orders/NONE", headers=headers)


async def test_a_user_has_a_limit_and_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with program(tmp_path, rate_limit_user=3) as here:
        for _ in range(3):
            assert (await ask(here)).status_code == 404
        refused = await ask(here)
        answer = problem(refused, 429, "too-many-requests")
        seconds = int(refused.headers["retry-after"])
        assert 1 <= seconds <= 60
        assert answer["detail"].endswith(f"more than 3 requests a minute from one user; try again in {seconds} seconds")
        assert refused.headers["ratelimit-policy"] == '"user";q=3;w=60'
        assert refused.headers["ratelimit"] == f'"user";r=0;t={seconds}'
        assert (await ask(here, "bob")).status_code == 404, "nobody else is concerned"


async def test_a_limit_holds_over_processes_and_tokens(tmp_path: Path, shared: dict[str, Any]) -> None:
    settings = {"rate_limit_user": 10, **shared}
    async with program(tmp_path, **settings) as one, program(tmp_path, **settings) as two:
        got = []
        for n in range(15):
            for here in (one, two):
                headers = {"Authorization": f"Bearer {token('alice', jti=str(n))}"}
                got.append((await here.client.get("/api/orders/NONE", headers=headers)).status_code)
        assert got.count(404) == 10
        assert got.count(429) == 20


async def test_an_address_has_a_limit_whoever_calls_from_it(tmp_path: Path) -> None:
    async with program(tmp_path, rate_limit_address=4) as here:
        users = ["alice", "bob", None, None, "carol", None]
        got = [(await ask(here, user, "203.0.113.7")).status_code for user in users]
        assert got == [404, 404, 401, 401, 429, 429]
        assert (await ask(here, "alice", "203.0.113.8")).status_code == 404


async def test_a_client_cannot_choose_its_address(tmp_path: Path) -> None:
    """The proxy appends whom it saw; what stands before that came from the client."""
    async with program(tmp_path, rate_limit_address=1) as here:
        got = [(await ask(here, "alice", f"198.51.100.{n}, 203.0.113.7")).status_code for n in range(3)]
        assert got == [404, 429, 429]
    async with program(tmp_path, rate_limit_address=1, trusted_proxies="10.0.0.0/8") as here:
        got = [(await ask(here, "alice", "203.0.113.9")).status_code for _ in range(3)]
        assert got == [404] * 3, "this machine is no proxy then: its word is not taken, and it is not limited"


async def test_the_shops_server_is_not_limited(tmp_path: Path) -> None:
    async with program(tmp_path, rate_limit_user=1, rate_limit_address=1, operator_keys=ENTRY) as here:
        headers = {"Authorization": f"Bearer {KEY}", "X-Forwarded-For": "203.0.113.7"}
        for _ in range(5):
            assert (await here.client.get("/api/orders/NONE", headers=headers)).status_code == 404


async def test_webhooks_are_counted_apart_and_health_is_not_counted(tmp_path: Path) -> None:
    async with program(tmp_path, rate_limit_address=1, rate_limit_user=1, rate_limit_webhooks=3) as here:
        sender = {"X-Forwarded-For": "203.0.113.7"}
        got = [
            (await here.client.post("/api/webhooks/cashflows", content=b"{}", headers=sender)).status_code
            for _ in range(5)
        ]
        assert got == [401, 401, 401, 429, 429]
        for path in ("/healthz", "/readyz"):
            for _ in range(3):
                assert (await here.client.get(path, headers=sender)).status_code == 200


async def test_in_mock_mode_nothing_is_limited_unless_it_is_set(here: Program) -> None:
    for _ in range(300):
        assert (await ask(here, "alice", "203.0.113.7")).status_code == 404


async def test_a_page_of_the_shop_may_read_why(tmp_path: Path) -> None:
    async with program(tmp_path, rate_limit_user=1) as here:
        await ask(here)
        refused = await here.client.get(
            "/api/orders/NONE", headers=here.headers() | {"Origin": "http://localhost:3000"}
        )
        problem(refused, 429, "too-many-requests")
        assert refused.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert "Retry-After" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("host", "counted_under"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("testclient", "testclient"),
        ("x" * 5000, "x" * 100),
    ],
)
def test_addresses_of_one_customer_are_one(host: str, counted_under: str | None) -> None:
    assert client_address(host) == counted_under


async def test_a_proxy_that_is_not_trusted_is_hinted_at(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with program(tmp_path, rate_limit_address=1) as here:
            for _ in range(4):
                await ask(here, "alice", "10.77.0.5")
                await ask(here, "alice", "8.8.8.8")
    hints = [record.getMessage() for record in caplog.records if "TRUSTED_PROXIES" in record.getMessage()]
    assert len(hints) == 1
    assert "10.77.0.5" in hints[0]
