"""Secrets, tokens, card numbers and people are planted wherever they come in; after all that can happen none comes out.

Searched is whatever comes out: logs, replies, pages, support bundle, export, error reports, traces, and the store's
files or MongoDB's documents. The simulated gateway's own ledger is not: what a customer types there is for it.
"""

import re
import secrets
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from backend.domain.passwords import new_console_user
from backend.domain.roles import Role, new_operator_key
from tests.mongodb_engine.engine import MongoEngine, require_engine_or_skip

from .canaries import Seen
from .faulty_gateway import install
from .host import Backend, Gateway, Host, credentials
from .process import Process, until
from .receivers import Receiver, passing_on, sentry_dsn, sentry_events
from .shop import DECLINED_CARD, Shop, customer_token, pay, post_webhook

PLANTED_CARD: Final = "5555 5555 5555 4444"
FORGED_TOKEN: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5LXNpZ25hdHVyZQ"
PERSON: Final = {"customer_email": "zebedee.canary@example.com", "customer_name": "Zebedee Quackenbush"}
CARDHOLDER: Final = "Luke Skywalker"
"""Whoever pays under this name is believed at once, in both schemes."""
IN_FLIGHT: Final = "FAULT.delay.create.s3.A-1"
KINDS: Final = {"log", "reply", "page", "command", "bundle", "export", "span", "store"}
"""Where an order's reference may be seen, and so where the search is shown to find what is there."""


def planted(name: str) -> str:
    return f"canary-{name}-{secrets.token_hex(16)}"


@dataclass
class Scene:
    host: Host
    folder: Path
    gateway: Gateway
    at_gateway: Receiver
    sentry: Receiver
    collector: Receiver
    settings: dict[str, str]
    key: str
    password: str
    mongodb: MongoEngine | None
    seen: Seen

    def canaries(self) -> dict[str, str]:
        """What was planted, by what it is."""
        secret = ("_KEY", "_SECRET", "_PREVIOUS", "_TOKEN")
        return {
            **{name: value.removeprefix("whsec_") for name, value in self.settings.items() if name.endswith(secret)},
            "operator key": self.key,
            "password": self.password,
            "forged token": FORGED_TOKEN,
            "planted card": PLANTED_CARD,
            "declined card": DECLINED_CARD,
        }


@pytest.fixture(params=["hmac-sha256, sqlite", "sha512, mongodb"])
def scene(request: pytest.FixtureRequest, host: Host, tmp_path: Path) -> Iterator[Scene]:
    scheme, _, store = request.param.partition(", ")
    with ExitStack() as stack:
        mongodb = None
        if store == "mongodb":
            mongodb = stack.enter_context(MongoEngine(tmp_path / "mongodb", require_engine_or_skip()))
        yield make_scene(host, tmp_path, stack, scheme, mongodb)


def make_scene(host: Host, folder: Path, stack: ExitStack, scheme: str, mongodb: MongoEngine | None) -> Scene:
    gateway = host.gateway()
    at_gateway = stack.enter_context(passing_on(gateway.port).listening())
    sentry, collector = (stack.enter_context(Receiver().listening()) for _ in range(2))
    key, entry = new_operator_key("canary-operator", Role.ADMIN)
    password = planted("password")
    settings = credentials(
        at_gateway.port,
        CASHFLOWS_SCHEME=scheme,
        GATEWAYS="cashflows,faulty",
        PYTHONPATH=f"{host.project}:{install(folder / 'faulty')}",
        CASHFLOWS_API_KEY_PREVIOUS=planted("previous-key"),
        JWT_SECRET_KEY=planted("jwt"),
        METRICS_TOKEN=planted("metrics"),
        NOTIFICATION_URL=f"http://127.0.0.1:{host.reserve_port()}/notify",
        NOTIFICATION_SECRET=f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
        NOTIFICATION_SECRET_PREVIOUS=f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
        OPERATOR_KEYS=entry,
        CONSOLE_USERS=new_console_user("canary", Role.ADMIN, password),
        SENTRY_DSN=sentry_dsn(sentry),
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
        LOG_LEVEL="DEBUG",
        RATE_LIMIT_USER="0",
        RATE_LIMIT_ADDRESS="0",
    )
    if mongodb is not None:
        settings |= {"MONGO_URL": mongodb.url, "DB_NAME": "canaries"}
    seen = Seen()
    return Scene(host, folder, gateway, at_gateway, sentry, collector, settings, key, password, mongodb, seen)


@pytest.mark.timeout(240)
def test_no_secret_token_card_number_or_person_comes_out_anywhere(scene: Scene) -> None:
    seen, host = scene.seen, scene.host
    backend = host.backend(scene.settings)
    token = customer_token(secret=scene.settings["JWT_SECRET_KEY"])
    customer_pays(scene, backend, token)
    strangers_try(scene, backend)
    cookie = operators_act(scene, backend)
    # Spans are sent every five seconds, and a kill loses those that were not.
    until("spans are sent", lambda: any("PAID-1" in text for text in scene.collector.texts))
    crash_in_mid_request(scene, backend, token)
    again = host.backend(scene.settings, port=backend.port)
    shop = Shop(again, token)
    assert seen.note(shop.create(IN_FLIGHT)).status_code in (200, 409)
    until("the errors are reported", lambda: sentry_events(scene.sentry))
    programs = commands(scene)
    again.process.signal()
    again.process.wait()
    for process in (backend.process, again.process):
        seen.add_log(process)
    for process in programs:
        seen.add("command", "both", process.output + process.errors)
    seen.add_sentry(scene.sentry)
    seen.add_spans(scene.collector)
    add_store(scene)

    assert seen.kinds_holding("PAID-1") >= KINDS, "the search finds what is there"
    assert seen.kinds_holding("RuntimeError") >= {"error report", "log"}
    canaries = scene.canaries() | {"token": token, "session": cookie} | webhook_tokens(scene)
    assert {name: places for name, canary in canaries.items() if (places := seen.places_holding(canary))} == {}
    for personal in PERSON.values():
        assert not seen.kinds_holding(personal) & {"bundle", "error report", "span"}
    assert "log" not in seen.kinds_holding(PERSON["customer_email"])


def webhook_tokens(scene: Scene) -> dict[str, str]:
    """Each stands in the address of a job's webhooks, which the gateway alone is told."""
    sent = "".join(scene.at_gateway.texts)
    tokens = set(re.findall(r"/api/webhooks/cashflows/([^\"/\s]+)", sent))
    assert tokens
    return {f"webhook token {number}": token for number, token in enumerate(tokens)}


def add_store(scene: Scene) -> None:
    if scene.mongodb is not None:
        scene.seen.add_mongodb("store", scene.mongodb.url, "canaries")
        scene.mongodb.kill()
        scene.seen.add_folder("engine's files", scene.folder / "mongodb")
        return
    for file in (scene.folder / "data").glob("orders*"):
        scene.seen.add("store", file.name, file.read_bytes().decode("latin-1"))


def customer_pays(scene: Scene, backend: Backend, token: str) -> None:
    seen, shop = scene.seen, Shop(backend, token)
    for reference, card in (("PAID-1", None), ("DECLINED-1", DECLINED_CARD), ("ERASED-1", None)):
        page = seen.note(create(shop, reference)).json()["action_url"]
        told = {"number": card} if card else {"name": CARDHOLDER}
        back = seen.note(pay(backend.client, page, **told), "hosted page")
        if "location" in back.headers:
            seen.note(backend.client.get(back.headers["location"]), "page")
        shop.order_once("failed" if card else "paid", reference)
    seen.note(backend.client.get("/api/payment/cancel", params={"ref": "PAID-1"}), "page")
    for field in ("order_reference", "customer_email", "customer_name", "description", "amount", PLANTED_CARD):
        assert seen.note(create(shop, "CARD-2", **{field: PLANTED_CARD})).status_code == 422
    seen.note(shop.client.get(f"/api/orders/{PLANTED_CARD.replace(' ', '')}", headers=shop.headers))
    seen.note(shop.client.get("/api/payment/success", params={"ref": PLANTED_CARD}), "page")


def create(shop: Shop, reference: str, **changes: str) -> httpx.Response:
    body = {"amount": "10.00", "currency": "GBP", "order_reference": reference, **PERSON, **changes}
    return shop.client.post("/api/payment/create", json=body, headers=shop.headers)


def strangers_try(scene: Scene, backend: Backend) -> None:
    seen, client = scene.seen, backend.client
    for credential in (FORGED_TOKEN, "ok_" + "x" * 43):
        headers = {"Authorization": f"Bearer {credential}", "X-Request-ID": PLANTED_CARD}
        assert seen.note(client.get("/api/orders/PAID-1", headers=headers)).status_code == 401
    seen.note(post_webhook(backend, "wrong", order=PLANTED_CARD, payment=PLANTED_CARD, status="captured"))
    body = f'{{"orderReference": "FAULTY {PLANTED_CARD} {PERSON["customer_name"]}"}}'
    headers = {"Authorization": f"Bearer {FORGED_TOKEN}", "Cookie": f"console={FORGED_TOKEN}", "X-Signature": "0" * 64}
    failed = client.post("/api/webhooks/faulty", params={"token": FORGED_TOKEN}, content=body, headers=headers)
    assert seen.note(failed).status_code == 500
    seen.note(client.get("/nowhere", params={"token": FORGED_TOKEN}))
    seen.note(client.get("/metrics", headers={"Authorization": f"Bearer {FORGED_TOKEN}"}))
    seen.note(client.post("/console/sign-in", data={"name": PLANTED_CARD, "secret": FORGED_TOKEN}), "page")


def operators_act(scene: Scene, backend: Backend) -> str:
    """Returns a session's cookie, which is a secret too."""
    seen, client = scene.seen, backend.client
    headers = {"Authorization": f"Bearer {scene.key}"}
    for path in ("orders", "orders/PAID-1", "deliveries", "money-at-risk"):
        assert seen.note(client.get(f"/api/operator/{path}", headers=headers)).status_code == 200
    refund = {"kind": "refund", "number": 1, "amount": "1.00", "reason": f"card {PLANTED_CARD}"}
    asked = "/api/operator/orders/PAID-1/operations"
    assert seen.note(client.post(asked, json=refund, headers=headers)).status_code == 422
    assert seen.note(client.post(asked, json=refund | {"reason": "sent back"}, headers=headers)).is_success
    for delivery in client.get("/api/operator/deliveries", headers=headers).json()["deliveries"][:2]:
        seen.note(client.post(f"/api/operator/deliveries/{delivery['id']}/replay", headers=headers))
    assert client.post("/console/sign-in", data={"secret": scene.key}).status_code == 303
    assert client.post("/console/sign-in", data={"name": "canary", "secret": scene.password}).status_code == 303
    for path in ("", "/orders", "/orders/PAID-1", "/orders/DECLINED-1", "/deliveries"):
        assert seen.note(client.get(f"/console{path}"), "page").status_code == 200
    assert seen.note(client.get("/console/orders", params={"q": PLANTED_CARD}), "page").status_code == 400
    seen.note(client.get("/metrics", headers={"Authorization": f"Bearer {scene.settings['METRICS_TOKEN']}"}))
    for path in ("/readyz", "/openapi.json"):
        seen.note(client.get(path))
    return client.cookies["console"]


def crash_in_mid_request(scene: Scene, backend: Backend, token: str) -> None:
    """kill -9 while the gateway works on a payment."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        answer = pool.submit(create, Shop(backend, token), IN_FLIGHT)
        until("the gateway has the call", lambda: scene.gateway.jobs(IN_FLIGHT))
        backend.process.kill()
        assert isinstance(answer.exception(), httpx.TransportError)


def commands(scene: Scene) -> list[Process]:
    bundle, export = scene.folder / "bundle.zip", scene.folder / "export.jsonl"
    ran = []
    for words in (
        ("orders",),
        ("show", "PAID-1"),
        ("explain", "PAID-1"),
        ("deliveries", "--json"),
        ("notifications", "PAID-1"),
        ("doctor", "--production"),
        ("refund", "PAID-1", "--reason", f"card {PLANTED_CARD}"),
        ("support-bundle", "PAID-1", "--file", str(bundle)),
        ("export", str(export)),
        ("erase", PERSON["customer_email"], "--reason", "asked for", "--json"),
        ("verify",),
    ):
        process = scene.host.run("backend", *words, settings=scene.settings)
        until(f"{words[0]} has ended", lambda process=process: not process.runs)  # type: ignore[misc]
        ran.append(process)
    scene.seen.add_zip("bundle", bundle)
    scene.seen.add("export", export.name, export.read_text(encoding="utf-8"))
    return ran


def test_what_leaks_is_found_wherever_it_comes_out(host: Host, tmp_path: Path) -> None:
    """The same search, over a program with an adapter that prints its secrets and answers with them."""
    with ExitStack() as stack:
        scene = make_scene(host, tmp_path, stack, "sha512", None)
        scene.settings |= {"LEAKS": "1", "GATEWAYS": "faulty", "PAYMENT_MODE": "integration"}
        backend, seen = host.backend(scene.settings), Seen()
        told = '{"paymentJobReference": "200000000", "paymentReference": "200000001", "orderReference": "A-1"}'
        seen.note(backend.client.post("/api/webhooks/faulty", content=told))
        backend.process.end()
        seen.add_log(backend.process)
        for name in ("CASHFLOWS_API_KEY", "CASHFLOWS_API_SECRET", "JWT_SECRET_KEY", "METRICS_TOKEN"):
            assert seen.kinds_holding(scene.settings[name]) == {"log", "reply"}, name


@pytest.mark.parametrize("spell", ["{}", "x{}y", '{{"a": "{}"}}'])
def test_the_search_finds_a_canary_in_its_usual_disguises(spell: str) -> None:
    for canary in (PLANTED_CARD, planted("secret"), FORGED_TOKEN):
        plain = canary.replace(" ", "")
        whole = spell.format(canary).encode()
        for text in (
            whole.decode(),
            spell.format(plain),
            canary.replace(" ", "-"),
            whole.hex(),
            b64encode(whole).decode(),
        ):
            seen = Seen()
            seen.add("log", "both", f"before {text} after")
            assert seen.kinds_holding(canary) == {"log"}, text
        assert Seen({("log", "1"): f"before {canary[:-1]} after"}).kinds_holding(canary) == set()
