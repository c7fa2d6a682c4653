"""A card number in any text that a caller can send is refused, and neither repeated, stored nor logged.

The fields are those of the API's description, so a new one is tried without being named here.
"""

import asyncio
import copy
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
import pytest_asyncio

from backend.api.description import operations
from backend.domain.roles import Role

from .openapi_snapshot import application
from .program import Program, problem, program, token
from .test_object_level import KEYS

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD: Final = "my card 4111 1111 1111 1111"
BARE: Final = "4111111111111111"
LEFT: Final = re.compile(r"1111[ .-]?1111")
DOCUMENT: Final = application().openapi()
ADMIN: Final = {"Authorization": f"Bearer {token('boss', is_admin=True)}"}
SHOP: Final = {"Authorization": f"Bearer {KEYS[Role.SERVICE][0]}"}


def bodies() -> Iterator[tuple[str, str, str, Any]]:
    """Method, path, the name of a text, and an example body with a card number for that text."""
    for path, method, operation in operations(DOCUMENT):
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            example = content["application/json"]["example"]
            for place in texts(example):
                yield method, path, ".".join(map(str, place)), changed(example, place, CARD)


def texts(part: Any, *place: str | int) -> Iterator[tuple[str | int, ...]]:
    if isinstance(part, str):
        yield place
    items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in items:
        yield from texts(value, *place, key)


def changed(example: Any, place: tuple[str | int, ...], text: str) -> Any:
    whole = part = copy.deepcopy(example)
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = text
    return whole


def parameters(kind: str) -> list[tuple[str, str, str]]:
    return [
        (method, path, parameter["name"])
        for path, method, operation in operations(DOCUMENT)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == kind and path.startswith("/api/")
    ]


def filled(path: str, **values: str) -> str:
    usual = {"order_reference": "TEST-001", "number": "1", "gateway": "cashflows", "token": "x", "delivery_id": "x"}
    return path.format(**usual | values)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """One for all that is refused here; in the end nothing of a card number is in the data folder."""
    folder = tmp_path_factory.mktemp("data")
    async with program(folder, operator_keys=",".join(entry for _, entry in KEYS.values())) as here:
        yield here
    assert not await asyncio.to_thread(files_with_a_card_number, folder)


@pytest.fixture
def careful(running: Program, caplog: pytest.LogCaptureFixture) -> Iterator[Program]:
    """After each test nothing of a card number is in a log."""
    with caplog.at_level(logging.DEBUG):
        yield running
    ours = [record.getMessage() for record in caplog.get_records("call") if not record.name.startswith("http")]
    assert not LEFT.search("\n".join(ours))


def files_with_a_card_number(folder: Path) -> list[Path]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if LEFT.search(file.read_bytes().decode("latin-1"))]


@pytest.mark.parametrize(("method", "path", "name", "body"), list(bodies()), ids=str)
async def test_in_a_body(careful: Program, method: str, path: str, name: str, body: Any) -> None:
    headers = SHOP if method == "put" else ADMIN
    answer = await careful.client.request(method, filled(path), json=body, headers=headers)
    problem(answer, 422, "invalid-request")
    assert name.split(".")[0] in [error["field"].split(".")[0] for error in answer.json()["errors"]]
    assert "1111" not in answer.text


@pytest.mark.parametrize(("method", "path", "name"), parameters("query"))
@pytest.mark.parametrize("text", [BARE, "4111 1111 1111 1111", "４１１１ 1111-1111.1111"])
async def test_in_a_query(careful: Program, method: str, path: str, name: str, text: str) -> None:
    answer = await careful.client.request(method, filled(path), params={name: text}, headers=ADMIN)
    problem(answer, 422, "invalid-request")
    assert "1111" not in answer.text


@pytest.mark.parametrize(("method", "path", "name"), parameters("path"))
async def test_in_an_address(careful: Program, method: str, path: str, name: str) -> None:
    address = filled(path, **{name: quote("4111 1111 1111 1111")})
    answer = await careful.client.request(method, address, json={}, headers=ADMIN)
    assert answer.status_code == 422
    assert "1111" not in answer.text
    assert "xxxx" in answer.json()["instance"]


async def test_as_the_name_of_a_field(careful: Program) -> None:
    answer = await careful.client.post("/api/payment/create", json={BARE: "x"}, headers=ADMIN)
    problem(answer, 422, "invalid-request")
    assert "1111" not in answer.text


async def test_as_the_name_of_a_query(careful: Program) -> None:
    answer = await careful.client.get("/api/operator/orders", params={BARE: ""}, headers=ADMIN)
    problem(answer, 422, "invalid-request")
    assert "1111" not in answer.text


@pytest.mark.parametrize("key", [BARE, '"4111-1111-1111-1111"', "order/4111.1111.1111.1111"])
async def test_as_an_idempotency_key(careful: Program, key: str) -> None:
    body = {"currency": "GBP"}
    answer = await careful.client.post("/api/payment/create", json=body, headers=ADMIN | {"Idempotency-Key": key})
    problem(answer, 422, "invalid-request")
    assert "1111" not in answer.text


async def test_as_a_request_id_it_is_replaced(careful: Program) -> None:
    answer = await careful.client.get("/api/orders/NONE", headers=ADMIN | {"X-Request-ID": "4111-1111-1111-1111"})
    assert answer.headers["x-request-id"]
    assert "1111-1111" not in answer.headers["x-request-id"]


async def test_as_a_number_in_a_text(careful: Program) -> None:
    body = json.dumps({"customer_name": 1}).replace("1}", BARE + "}")
    headers = ADMIN | {"Content-Type": "application/json"}
    answer = await careful.client.post("/api/payment/create", content=body, headers=headers)
    problem(answer, 422, "invalid-request")
    assert "1111" not in answer.text


async def test_digests_and_uuids_in_an_address_are_none(careful: Program) -> None:
    digest = BARE + "0" * 48
    answer = await careful.client.post(f"/api/operator/deliveries/{digest}/replay", headers=ADMIN)
    problem(answer, 404, "no-such-delivery")
    answer = await careful.client.get("/api/orders/41111111-1111-1111-8888-abcdefabcdef", headers=ADMIN)
    problem(answer, 404, "no-such-order")
