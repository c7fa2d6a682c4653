"""The console as a browser sees it, without one: cookies are kept, forms are sent with their tokens."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from backend.domain.passwords import new_console_user
from backend.domain.roles import Role, new_operator_key
from tests.api.operator.desk import Desk
from tests.api.program import BASE_URL, Program, program

PASSWORD = "correct horse battery"
PEOPLE = {Role.VIEWER: "vera", Role.REFUNDER: "ruth", Role.ADMIN: "anna"}

USER = new_console_user("paul", Role.VIEWER, PASSWORD)


@dataclass
class Console:
    program: Program
    keys: dict[Role, str]
    desk: Desk
    headers: dict[str, str] = field(default_factory=lambda: {"Origin": BASE_URL, "Sec-Fetch-Site": "same-origin"})

    @property
    def client(self) -> httpx.AsyncClient:
        return self.program.client

    async def sign_in(self, role: Role = Role.ADMIN, **form: str) -> httpx.Response:
        self.client.cookies.clear()
        sent = {"name": "", "secret": self.keys[role], "back": "/console", **form}
        return await self.client.post("/console/sign-in", data=sent, headers=self.headers)

    async def get(self, path: str = "") -> httpx.Response:
        return await self.client.get(f"/console{path}")

    async def text(self, path: str = "") -> str:
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    async def token(self) -> str:
        found = re.search(r'name="form_token" value="(\w+)"', (await self.get("/deliveries")).text)
        assert found
        return found[1]

    async def post(self, path: str, **form: Any) -> httpx.Response:
        sent = {"form_token": await self.token(), **form}
        return await self.client.post(f"/console{path}", data=sent, headers=self.headers)

    async def act(self, what: str, reference: str = "TEST-001", **form: Any) -> httpx.Response:
        return await self.post(f"/orders/{quote(reference)}/{what}", **form)

    async def refund(self, number: int = 1, **form: Any) -> httpx.Response:
        payment = (await self.desk.order())["jobs"][0]["payments"][0]["payment_reference"]
        sent = {"kind": "refund", "payment": payment, "number": number, "reason": "sent back", **form}
        return await self.act("operations", **sent)


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    made = {role: new_operator_key(name, role) for role, name in PEOPLE.items()}
    entries = ",".join(entry for _, entry in made.values())
    async with program(tmp_path, operator_keys=entries, console_users=USER) as shop:
        keys = {role: key for role, (key, _) in made.items()}
        yield Console(shop, keys, Desk(shop, keys))
