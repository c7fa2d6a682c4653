"""Secrets, tokens and card numbers are planted wherever they come in; after all flows and a crash nobody finds one.

Searched are both logs, every file of the store, every reply and page, and the support bundle. The simulated gateway's
own ledger is not: what a customer types there is for the gateway.
"""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import httpx
import pytest

from backend.domain.roles import Role, new_operator_key

from .host import JWT_SECRET, Backend, Host, credentials
from .process import Process, until
from .shop import DECLINED_CARD, Shop, customer_token, pay, post_webhook

PLANTED_CARD: Final = "5555 5555 5555 4444"
KEY, ENTRY = new_operator_key("canary-operator", Role.ADMIN)
METRICS_TOKEN: Final = f"canary-metrics-{secrets.token_hex(16)}"
FORGED_TOKEN: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5LXNpZ25hdHVyZQ"


@dataclass
class Seen:
    """Everything that came out of the program, by where."""

    texts: dict[str, str] = field(default_factory=dict)

    def note(self, answer: httpx.Response) -> httpx.Response:
        place = f"{len(self.texts)} {answer.request.method} {answer.request.url.path}"
        self.texts[place] = f"{answer.headers} {answer.text}"
        return answer

    def holding(self, canary: str) -> list[str]:
        plain = canary.replace(" ", "")
        return [place for place, text in self.texts.items() if canary in text or plain in text]


@pytest.fixture
def planted(host: Host) -> tuple[Host, dict[str, str], Seen]:
    gateway = host.gateway()
    settings = credentials(
        gateway.port,
        JWT_SECRET_KEY=JWT_SECRET,
        OPERATOR_KEYS=ENTRY,
        METRICS_TOKEN=METRICS_TOKEN,
        LOG_LEVEL="DEBUG",
    )
    return host, settings, Seen()


def test_no_secret_token_or_card_number_comes_out_anywhere(
    planted: tuple[Host, dict[str, str], Seen], tmp_path: Path
) -> None:
    host, settings, seen = planted
    backend = host.backend(settings)
    programs = [backend.process]
    token = customer_token()
    customer_pays(backend, seen, token)
    strangers_try(backend, seen)
    operators_look(backend, seen)
    backend.process.kill()
    backend = host.backend(settings, port=backend.port)
    programs.append(backend.process)
    seen.note(backend.client.get("/api/orders/PAID-1", headers={"Authorization": f"Bearer {token}"}))
    programs += commands(host, settings, tmp_path, seen)
    backend.process.signal()
    backend.process.wait()
    for number, program in enumerate(programs):
        seen.texts[f"log {number}"] = program.output + program.errors
    for file in (tmp_path / "data").iterdir():
        if file.name.startswith("orders"):
            seen.texts[file.name] = file.read_bytes().decode("latin-1")
    assert seen.holding("PAID-1"), "the search finds what is there"
    assert any(place.startswith("orders") for place in seen.holding("PAID-1"))
    # A customer's token is printed by `backend run` in mock mode alone, which this is not.
    for canary in (*secrets_of(settings), KEY, METRICS_TOKEN, FORGED_TOKEN, token, PLANTED_CARD, DECLINED_CARD):
        assert seen.holding(canary) == [], canary


def secrets_of(settings: dict[str, str]) -> list[str]:
    return [value for name, value in settings.items() if name.endswith(("_KEY", "_SECRET"))]


def customer_pays(backend: Backend, seen: Seen, token: str) -> None:
    shop = Shop(backend, token)
    pay(backend.client, seen.note(shop.create("PAID-1")).json()["action_url"])
    shop.order_once("paid", "PAID-1")
    pay(backend.client, seen.note(shop.create("DECLINED-1")).json()["action_url"], number=DECLINED_CARD)
    seen.note(shop.create("CARD-1"))
    good = {
        "amount": "10.00",
        "currency": "GBP",
        "order_reference": "CARD-2",
        "customer_email": "test@example.com",
        "customer_name": "Test User",
    }
    for name in ("order_reference", "customer_email", "customer_name", "description", "amount", PLANTED_CARD):
        body = good | {name: PLANTED_CARD}
        assert seen.note(shop.client.post("/api/payment/create", json=body, headers=shop.headers)).status_code == 422
    seen.note(shop.client.get(f"/api/orders/{PLANTED_CARD.replace(' ', '')}", headers=shop.headers))
    seen.note(shop.client.get("/api/payment/success", params={"ref": PLANTED_CARD}))


def strangers_try(backend: Backend, seen: Seen) -> None:
    for credential in (FORGED_TOKEN, "ok_" + "x" * 43):
        headers = {"Authorization": f"Bearer {credential}", "X-Request-ID": PLANTED_CARD}
        assert seen.note(backend.client.get("/api/orders/PAID-1", headers=headers)).status_code == 401
    seen.note(post_webhook(backend, "wrong", order=PLANTED_CARD, payment=PLANTED_CARD, status="captured"))
    seen.note(backend.client.get("/nowhere", params={"token": FORGED_TOKEN}))
    seen.note(backend.client.get("/metrics", headers={"Authorization": f"Bearer {FORGED_TOKEN}"}))
    seen.note(backend.client.post("/console/sign-in", data={"name": PLANTED_CARD, "secret": FORGED_TOKEN}))


def operators_look(backend: Backend, seen: Seen) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    for path in ("orders", "orders/PAID-1", "deliveries", "money-at-risk"):
        assert seen.note(backend.client.get(f"/api/operator/{path}", headers=headers)).status_code == 200
    refund = {"kind": "refund", "number": 1, "amount": "1.00", "reason": f"card {PLANTED_CARD}"}
    asked = "/api/operator/orders/PAID-1/operations"
    assert seen.note(backend.client.post(asked, json=refund, headers=headers)).status_code == 422
    seen.note(backend.client.post(asked, json=refund | {"reason": "sent back"}, headers=headers))
    signed_in = backend.client.post("/console/sign-in", data={"secret": KEY})
    assert signed_in.status_code == 303
    for path in ("", "/orders", "/orders/PAID-1", "/deliveries", f"/orders?q={PLANTED_CARD}"):
        seen.note(backend.client.get(f"/console{path}"))
    seen.note(backend.client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}))
    for path in ("/readyz", "/openapi.json"):
        seen.note(backend.client.get(path))


def commands(host: Host, settings: dict[str, str], folder: Path, seen: Seen) -> list[Process]:
    bundle = folder / "bundle.zip"
    ran = [
        host.run("backend", *words, settings=settings)
        for words in (
            ("orders",),
            ("show", "PAID-1"),
            ("explain", "PAID-1"),
            ("doctor", "--production"),
            ("refund", "PAID-1", "--reason", f"card {PLANTED_CARD}"),
            ("support-bundle", "PAID-1", "--file", str(bundle)),
        )
    ]
    for process in ran:
        until("it has ended", lambda process=process: not process.runs)  # type: ignore[misc]
    with ZipFile(bundle) as parts:
        for name in parts.namelist():
            seen.texts[f"bundle {name}"] = parts.read(name).decode()
    return ran
