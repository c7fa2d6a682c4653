"""Hostile and defective tokens. Each is a 401 with one and the same body: a forger learns nothing."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from .program import JWT_SECRET, Program, problem, token

NOW = datetime.now(UTC)


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(algorithm: str, **claims: Any) -> str:
    told = {"sub": "alice", "exp": int(NOW.timestamp()) + 300, **claims}
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(told)}."


TOKENS = {
    "empty": "",
    "no token": "nonsense",
    "three dots": "...",
    "algorithm none": forged("none"),
    "algorithm NONE": forged("NONE"),
    "no signature": token().rpartition(".")[0] + ".",
    "other signature": token()[:-4] + "AAAA",
    "other secret": jwt.encode({"sub": "alice", "exp": NOW + timedelta(hours=1)}, "x" * 40, "HS256"),
    "other algorithm of the family": jwt.encode({"sub": "a", "exp": NOW + timedelta(hours=1)}, JWT_SECRET * 2, "HS512"),
    "expired": token(exp=NOW - timedelta(seconds=1)),
    "no expiry": token(exp=None),
    "expiry as text": token(exp=str(int(NOW.timestamp()) + 300)),
    "expiry as infinity": f"{token().split('.')[0]}.{part({'sub': 'a', 'exp': 1})[:-1]}.x",
    "not yet valid": token(nbf=NOW + timedelta(hours=1)),
    "issued in the future": token(iat=NOW + timedelta(hours=1)),
    "no subject": token(sub=None),
    "empty subject": token(""),
    "subject as number": token(7),  # type: ignore[arg-type]
    "subject as object": token({"$gt": ""}),  # type: ignore[arg-type]
    "enormous subject": token("a" * 201),
    "enormous": token(padding="x" * 10_000),
    "not ascii": "tökén.a.b",
}


@pytest.mark.parametrize("name", TOKENS)
async def test_a_defective_token_is_refused(here: Program, name: str) -> None:
    headers = {b"Authorization": b"Bearer " + TOKENS[name].encode("latin-1", "replace")}
    response = await here.client.get("/api/orders/TEST-001", headers=headers)
    answer = problem(response, 401, "not-authenticated")
    assert answer["detail"] == "send a valid, unexpired token as Authorization: Bearer <token>"
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}])
async def test_without_a_bearer_token_nothing_is_answered(here: Program, headers: dict[str, str]) -> None:
    for method, path in [("POST", "/api/payment/create"), ("POST", "/api/checkout/complete"), ("GET", "/api/orders/A")]:
        problem(await here.client.request(method, path, headers=headers, json={}), 401, "not-authenticated")


async def test_a_token_of_the_shops_login_works_unchanged(here: Program) -> None:
    for claims in ({}, {"aud": "rafflestack"}, {"iss": "login"}, {"is_admin": False}, {"jti": "1", "roles": ["x"]}):
        response = await here.client.get(
            "/api/orders/NONE", headers={"Authorization": f"Bearer {token('alice', **claims)}"}
        )
        problem(response, 404, "no-such-order")


async def test_another_customers_order_looks_like_none(here: Program) -> None:
    await here.create("alice")
    theirs, missing = await here.order(user="mallory"), await here.order("MISSING", user="mallory")
    assert problem(theirs, 404, "no-such-order")["detail"] == problem(missing, 404, "no-such-order")["detail"]


async def test_an_operator_sees_every_order(here: Program) -> None:
    await here.create("alice")
    headers = {"Authorization": f"Bearer {token('operator', is_admin=True)}"}
    assert (await here.client.get("/api/orders/TEST-001", headers=headers)).status_code == 200
    for not_true in (1, "true", [True]):
        headers = {"Authorization": f"Bearer {token('mallory', is_admin=not_true)}"}
        problem(await here.client.get("/api/orders/TEST-001", headers=headers), 404, "no-such-order")
