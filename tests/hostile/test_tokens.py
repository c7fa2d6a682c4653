"""Tokens that a customer's login never issued. Every one of them gets the same answer, which tells nothing."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.program import CREATE, JWT_SECRET, Program, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime.now(UTC)
SOON = int((NOW + timedelta(hours=2)).timestamp())
GOOD = {"sub": "alice", "exp": SOON}


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def made(claims: Any = GOOD, header: Any = None, secret: str = JWT_SECRET, digest: str = "sha256") -> str:
    signed = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), digest).digest())}"


RIGHT = made()
HEAD, BODY, SIGNATURE = RIGHT.split(".")

TOKENS = {
    "nothing": "",
    "a word": "token",
    "two parts": f"{HEAD}.{BODY}",
    "no signature": f"{HEAD}.{BODY}.",
    "four parts": f"{RIGHT}.x",
    "five parts": "a.b.c.d.e",
    "dots alone": "..",
    "another secret": made(secret="another secret that is long enough as well"),
    "an empty secret": made(secret=""),
    "the algorithm's name as secret": made(secret="HS256"),
    "alg none": f"{part({'alg': 'none'})}.{BODY}.",
    "alg None": f"{part({'alg': 'None'})}.{BODY}.",
    "alg NONE with a signature": f"{part({'alg': 'NONE'})}.{BODY}.{SIGNATURE}",
    "alg none, right signature": made(header={"alg": "none"}),
    "no alg": made(header={"typ": "JWT"}),
    "alg null": made(header={"alg": None}),
    "alg list": made(header={"alg": ["HS256"]}),
    "HS384": made(header={"alg": "HS384"}, digest="sha384"),
    "HS512": made(header={"alg": "HS512"}, digest="sha512"),
    "RS256 with our secret as key": made(header={"alg": "RS256"}),
    "ES256": made(header={"alg": "ES256"}),
    "PS256": made(header={"alg": "PS256"}),
    "EdDSA": made(header={"alg": "EdDSA"}),
    "hs256 in small letters": made(header={"alg": "hs256"}),
    "critical extension": made(header={"alg": "HS256", "crit": ["exp"]}),
    "an unencoded payload": made(header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
    "a header that is a list": made(header=["HS256"]),
    "a header that is no JSON": f"{part(b'x')}.{BODY}.{SIGNATURE}",
    "claims that are a list": made(claims=["alice"]),
    "claims that are a text": made(claims="alice"),
    "claims that are no JSON": made(claims=b"\xff"),
    "no claims": made(claims={}),
    "expired": made({"sub": "alice", "exp": int(NOW.timestamp()) - 300}),
    "expired a second ago": made({"sub": "alice", "exp": int(NOW.timestamp()) - 1}),
    "expired before our time": made({"sub": "alice", "exp": 0}),
    "a negative expiry": made({"sub": "alice", "exp": -1}),
    "no expiry": made({"sub": "alice"}),
    "expiry null": made({"sub": "alice", "exp": None}),
    "expiry in words": made({"sub": "alice", "exp": "tomorrow"}),
    "expiry as a text": made({"sub": "alice", "exp": str(SOON)}),
    "expiry beyond all numbers": made(b'{"sub": "alice", "exp": 1e999}'),
    "expiry NaN": made(b'{"sub": "alice", "exp": NaN}'),
    "expiry a list": made({"sub": "alice", "exp": [SOON]}),
    "not yet valid": made(GOOD | {"nbf": SOON}),
    "issued in the future": made(GOOD | {"iat": SOON}),
    "no subject": made({"exp": SOON}),
    "an empty subject": made({"sub": "", "exp": SOON}),
    "a subject that is a number": made({"sub": 7, "exp": SOON}),
    "a subject that is an object": made({"sub": {"$ne": ""}, "exp": SOON}),
    "an endless subject": made({"sub": "a" * 201, "exp": SOON}),
    "a subject with half of a character": made({"sub": "\ud800", "exp": SOON}),
    "a subject that ends in half of a character": made({"sub": "alice\udfff", "exp": SOON}),
    "a token of 9 KB": made(GOOD | {"padding": "x" * 9000}),
    "blanks inside": f"{HEAD}. {BODY}.{SIGNATURE}",
    "padding": f"{HEAD}==.{BODY}.{SIGNATURE}x",
    "another body": f"{HEAD}.{part(GOOD | {'sub': 'bob'})}.{SIGNATURE}",
    "made an administrator": f"{HEAD}.{part(GOOD | {'is_admin': True})}.{SIGNATURE}",
    "another header": f"{part({'alg': 'HS256', 'kid': '../../dev/null'})}.{BODY}.{SIGNATURE}",
}


@pytest.mark.parametrize("case", TOKENS)
async def test_a_token_that_the_login_did_not_issue_is_refused_without_a_reason(here: Program, case: str) -> None:
    sent = {"Authorization": f"Bearer {TOKENS[case]}"}
    response = await here.client.post("/api/payment/create", json=CREATE, headers=sent)
    answer = problem(response, 401, "not-authenticated")
    nobody = problem(await here.client.post("/api/payment/create", json=CREATE), 401, "not-authenticated")
    assert answer["detail"] == nobody["detail"], "a forger learns nothing"
    assert (await here.order(CREATE["order_reference"])).status_code == 404


@pytest.mark.parametrize(
    "scheme", ["", "Basic ", "bearer", "Token ", "Bearer  ", "Bearer,", "Digest ", "Bearer\t", "JWT "]
)
async def test_a_right_token_under_another_scheme_is_refused(here: Program, scheme: str) -> None:
    response = await here.client.get("/api/orders/X", headers={"Authorization": f"{scheme}{RIGHT}"})
    assert response.status_code in (401, 404)
    if response.status_code == 404:
        assert scheme.strip().lower() == "bearer", "read as the same scheme"


@pytest.mark.parametrize("extra", [{"is_admin": "true"}, {"is_admin": 1}, {"is_admin": ["x"]}, {"role": "admin"}])
async def test_only_a_true_administrator_is_one(here: Program, extra: dict[str, Any]) -> None:
    sent = {"Authorization": f"Bearer {made(GOOD | extra)}"}
    problem(await here.client.get("/api/operator/orders", headers=sent), 403, "not-allowed")


@pytest.mark.parametrize("url", ["http://evil.example/jwks", "file:///etc/passwd", "http://169.254.169.254/"])
@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "kid"])
async def test_a_token_cannot_name_the_key_that_verifies_it(here: Program, name: str, url: str) -> None:
    other = made(header={"alg": "HS256", name: url}, secret="the forger's own secret, long enough")
    response = await here.client.get("/api/orders/X", headers={"Authorization": f"Bearer {other}"})
    problem(response, 401, "not-authenticated")
