"""Customers and operators, all over HTTP: they ask again until they are answered, and note what they are told."""

import asyncio
import itertools
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import jwt

from tests.program.host import JWT_SECRET
from tests.program.shop import DECLINED_CARD, GOOD_CARD, card

from .book import Book

PATIENCE_SECONDS: Final = 30.0
BETWEEN_TRIES: Final = (0.1, 1.0)
BETWEEN_ORDERS: Final = (0.05, 0.5)
OPERATORS_WAIT: Final = (0.2, 1.0)
TIMEOUT_SECONDS: Final = 12.0
DOUBLE_CLICKS, DECLINES, LEAVES, PARTS = 0.1, 0.1, 0.1, 0.5


@dataclass
class World:
    """What people need to know of the programs, and where they note what they hear."""

    web_ports: Sequence[int]
    gateway_port: int
    book: Book
    chance: random.Random
    client: httpx.AsyncClient
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    orders: list[str] = field(default_factory=list)
    given_up: int = 0
    unexpected: list[str] = field(default_factory=list)

    def web(self, path: str) -> str:
        return f"http://127.0.0.1:{self.chance.choice(self.web_ports)}{path}"

    async def pause(self, bounds: tuple[float, float]) -> None:
        await asyncio.sleep(self.chance.uniform(*bounds))

    async def call(self, method: str, path: str, **call: Any) -> httpx.Response | None:
        """The first answer that is final, from whichever web process; None once patience is over."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            url = path if path.startswith("http") else self.web(path)
            try:
                answer = await self.client.request(method, url, **call)
            except httpx.TransportError:
                pass
            else:
                if answer.status_code < 500 and answer.status_code != 429 and "retry-after" not in answer.headers:
                    return answer
                if answer.status_code == 500 and url != path:
                    self.unexpected.append(f"{method} {path}: 500 {answer.text[:200]}")
            await self.pause(BETWEEN_TRIES)
        self.given_up += 1
        return None


async def customer(world: World, numbers: "itertools.count[int]") -> None:
    """One order after another."""
    while not world.stopped.is_set():
        await _buy(world, f"C-{next(numbers)}")
        await world.pause(BETWEEN_ORDERS)


async def operator(world: World, name: str) -> None:
    """Captures, voids and gives back what customers have paid."""
    while not world.stopped.is_set():
        await world.pause(OPERATORS_WAIT)
        if world.orders:
            await _operate(world, name, world.chance.choice(world.orders[-200:]))


async def look_after(world: World, name: str) -> None:
    """What a person does about operations that nobody can account for: look in the gateway's portal, and say so."""
    headers = _token(name, admin=True)
    found = await world.call("GET", "/api/operator/orders?needs_attention=true&limit=200", headers=headers)
    for row in found.json()["orders"] if found is not None and found.status_code == 200 else ():
        reference = row["order_reference"]
        seen = await world.call("GET", f"/api/operator/orders/{reference}", headers=headers)
        if seen is None or seen.status_code != 200:
            continue
        for operation in seen.json()["operations"]:
            if operation["state"] == "unknown":
                body = {"carried_out": await _in_the_portal(world, reference, operation), "evidence": "seen there"}
                path = f"/api/operator/orders/{reference}/operations/{operation['number']}/resolve"
                await world.call("POST", path, headers=headers, json=body)


async def _in_the_portal(world: World, reference: str, operation: Any) -> bool:
    shown = await world.call("GET", f"http://127.0.0.1:{world.gateway_port}/jobs.json?order={reference}")
    assert shown is not None, "the gateway runs when all is quiet"
    payments = [payment for job in shown.json()["jobs"] for payment in job["payments"]]
    (payment,) = [each for each in payments if each["reference"] == operation["payment_reference"]]
    match operation["kind"]:
        case "refund":
            return any(
                refund["number"] == operation["own_reference"] and refund["status"] != "Failed"
                for refund in payment["refunds"]
            )
        case "void":
            return bool(payment["voided"])
        case _:
            return bool(payment["captures"])


async def _buy(world: World, reference: str) -> None:
    headers = _token(f"user-{reference}") | {"Idempotency-Key": str(uuid.UUID(int=world.chance.getrandbits(128)))}
    minor = world.chance.randint(100, 50_000)
    terms = {
        "amount": f"{minor // 100}.{minor % 100:02d}",
        "currency": "GBP",
        "order_reference": reference,
        "customer_email": "test@example.com",
        "customer_name": "Test User",
    }
    clicks = 2 if world.chance.random() < DOUBLE_CLICKS else 1
    answers = await asyncio.gather(
        *(world.call("POST", "/api/payment/create", json=terms, headers=headers) for _ in range(clicks))
    )
    pages = [answer.json() for answer in answers if answer is not None and answer.status_code == 200]
    for page in pages:
        job, url = page["payment_job_reference"], page["action_url"]
        world.book.note("created", reference, job=job, action_url=url, amount_minor=minor)
    world.unexpected += [
        f"create {reference}: {answer.status_code} {answer.text[:200]}"
        for answer in answers
        if answer is not None and answer.status_code != 200
    ]
    if pages and world.chance.random() > LEAVES:
        await _pay(world, reference, pages[0])
        await _come_back(world, reference)


async def _pay(world: World, reference: str, page: Any) -> None:
    cards = [DECLINED_CARD, GOOD_CARD] if world.chance.random() < DECLINES else [GOOD_CARD]
    for number in cards:
        answer = await world.call("POST", page["action_url"], data=card(number) | {"action": "pay"})
        if answer is not None and "/api/payment/success" in answer.headers.get("location", ""):
            world.book.note("paid", reference, job=page["payment_job_reference"])
            world.orders.append(reference)
            return


async def _come_back(world: World, reference: str) -> None:
    answer = await world.call("GET", f"/api/orders/{reference}", headers=_token(f"user-{reference}"))
    if answer is not None and answer.status_code == 200:
        world.book.note("told", reference, status=answer.json()["status"])
    elif answer is not None:
        world.unexpected.append(f"order {reference}: {answer.status_code} {answer.text[:200]}")


async def _operate(world: World, name: str, reference: str) -> None:
    headers = _token(name, admin=True)
    seen = await world.call("GET", f"/api/operator/orders/{reference}", headers=headers)
    if seen is None or seen.status_code != 200 or not seen.json()["offers"]:
        return
    order = seen.json()
    offer = world.chance.choice(order["offers"])
    body = {"kind": offer["kind"], "number": order["next_operation"], "reason": "as the customer wishes"}
    if offer["kind"] == "refund" and world.chance.random() < PARTS:
        most = round(float(offer["most"]) * 100)
        minor = world.chance.randint(1, most)
        body["amount"] = f"{minor // 100}.{minor % 100:02d}"
    key = str(uuid.UUID(int=world.chance.getrandbits(128)))
    path = f"/api/operator/orders/{reference}/operations"
    clicks = 2 if world.chance.random() < DOUBLE_CLICKS else 1
    answers = await asyncio.gather(
        *(world.call("POST", path, json=body, headers=headers | {"Idempotency-Key": key}) for _ in range(clicks))
    )
    for answer in answers:
        if answer is not None and answer.status_code in (200, 202):
            made = answer.json()["operation"]
            world.book.note(
                "operation",
                reference,
                key=key,
                number=made["number"],
                operation=made["kind"],
                amount_minor=int(made["amount"].replace(".", "")),
                state=made["state"],
            )


def _token(user: str, *, admin: bool = False) -> dict[str, str]:
    claims = {"sub": user, "email": "test@example.com", "exp": datetime.now(UTC) + timedelta(days=7)}
    token = jwt.encode(claims | {"is_admin": admin}, JWT_SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}
