"""What a newcomer sees: the program is up at once, says where things are, and the guide's call works as it stands."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from .host import API_KEY, API_SECRET, JWT_SECRET, WEBHOOK_SECRET, Backend, Host, credentials
from .process import Process, until
from .shop import Shop

PROMISED_SECONDS: Final = 2.0
TRIES: Final = 3
MOCK_MESSAGE: Final = "MOCKED: Please configure Cashflows credentials in backend/.env"


def test_it_is_alive_within_two_seconds_of_its_start(host: Host) -> None:
    needed: list[float] = []
    while not needed or (needed[-1] > PROMISED_SECONDS and len(needed) < TRIES):
        needed.append(seconds_to_be_alive(host))
    assert min(needed) < PROMISED_SECONDS, f"starts took {needed} s"


def seconds_to_be_alive(host: Host) -> float:
    """On a machine that does nothing else: other tests that run beside this one are not the program's doing."""
    started = time.monotonic()
    backend = host.backend()
    needed = time.monotonic() - started - backend.process.kept_waiting_seconds
    backend.process.end()
    return needed


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="a matter of Linux")
def test_all_of_an_instance_keeps_to_the_processor_that_it_is_told(host: Host) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    for told, kept_to in [(0, allowed[0]), (len(allowed) + 1, allowed[1 % len(allowed)])]:
        backend = host.backend({}, "--processor", str(told))
        threads = [int(task.name) for task in Path(f"/proc/{backend.process.pid}/task").iterdir()]
        assert len(threads) > 1
        assert all(os.sched_getaffinity(thread) == {kept_to} for thread in threads)


@pytest.fixture(scope="module")
def backend(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """In mock mode, for all tests here that only talk to it."""
    with Host(project, tmp_path_factory.mktemp("host")) as host:
        yield host.backend()


def test_it_prints_where_things_are_and_a_token_that_works(backend: Backend) -> None:
    pages = [word for word in backend.process.output.split() if word.startswith("http")]
    assert pages == [
        f"{backend.url}/try-out",
        f"{backend.url}/sandbox/",
        f"{backend.url}/console",
        f"{backend.url}/docs",
    ]
    for page in pages:
        answer = httpx.get(page, trust_env=False, follow_redirects=True)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    token = re.search(r"customer token +(\S+)", backend.process.output)
    assert token is not None
    assert Shop(backend, token[1]).created("PRINTED-TOKEN")["status"] == "success"


def test_an_address_as_it_came_is_in_no_log(backend: Backend) -> None:
    """A webhook's holds a token, an order's a reference: the line of a request names the route alone."""
    backend.client.post("/api/webhooks/cashflows/a-token-of-a-job", content=b"{}")
    backend.client.get("/api/orders/A-REFERENCE")
    until("the requests are logged", lambda: "/api/orders/{order_reference" in backend.process.errors)
    for told in ("a-token-of-a-job", "A-REFERENCE"):
        assert told not in backend.process.errors


def test_a_card_number_in_an_address_is_in_no_log(backend: Backend) -> None:
    address = f"{backend.url}/api/orders/4111-1111-1111-1111?text=4111+1111+1111+1111"
    assert httpx.get(address, trust_env=False).status_code == 422
    until("the request is logged", lambda: '"status": 422' in backend.process.errors)
    assert not re.search(r"1111.{0,3}1111", backend.process.output + backend.process.errors)


def test_the_guides_call_answers_what_the_guide_says(backend: Backend) -> None:
    created = Shop(backend).created()
    assert created["status"] == "success"
    assert created["is_mocked"] is True
    assert created["message"] == MOCK_MESSAGE
    assert created["action_url"].startswith(f"{backend.url}/sandbox/payment?ref=")
    assert re.fullmatch(r"\w+", created["payment_job_reference"])
    assert re.fullmatch(r"\w+", created["payment_reference"])


def test_a_token_from_the_command_line_works_and_an_operators_sees_every_order(host: Host, backend: Backend) -> None:
    Shop(backend).created("SOMEBODYS")
    operator = host.run("backend", "token", "--admin", settings={"JWT_SECRET_KEY": JWT_SECRET})
    assert operator.wait() == 0
    assert Shop(backend, operator.output.strip()).order("SOMEBODYS")["order_reference"] == "SOMEBODYS"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("CASHFLOWS_SCHEME", "nonsense"),
        ("PORT", "99999"),
        ("PUBLIC_BASE_URL", "shop.example/pay?key=hidden-value"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(host: Host, setting: str, value: str) -> None:
    process = host.run("backend", "run", settings=credentials(1, **{setting: value}))
    line = refusal(process)
    assert setting in line
    assert "hidden-value" not in line


def test_uvicorn_alone_refuses_a_wrong_setting_with_one_line_too(host: Host) -> None:
    process = host.run("uvicorn", "backend.server:app", settings={"CASHFLOWS_SCHEME": "nonsense"})
    assert "CASHFLOWS_SCHEME" in refusal(process)


def test_production_does_not_start_without_its_secrets_and_names_all_that_is_missing(host: Host) -> None:
    settings = {"CASHFLOWS_GATEWAY_URL": "https://gateway.cashflows.com", "CASHFLOWS_WEBHOOK_SECRET": ""}
    line = refusal(host.run("backend", "run", settings=credentials(1, **settings)))
    for setting in ("JWT_SECRET_KEY", "PUBLIC_BASE_URL", "CASHFLOWS_WEBHOOK_SECRET"):
        assert setting in line


def test_production_does_not_start_with_a_short_secret_and_does_not_show_it(host: Host) -> None:
    settings = {"CASHFLOWS_GATEWAY_URL": "https://gateway.cashflows.com", "PUBLIC_BASE_URL": "https://shop.example"}
    line = refusal(host.run("backend", "run", settings=credentials(1, JWT_SECRET_KEY="short-one", **settings)))
    assert "JWT_SECRET_KEY" in line
    assert "PUBLIC_BASE_URL" not in line
    assert "short-one" not in line


def refusal(process: Process) -> str:
    """The one line with which a program that must not start says why; no secret is in it."""
    assert process.wait() not in (0, None)
    assert process.output == ""
    lines = process.errors.splitlines()
    assert len(lines) == 1, process.errors
    for secret in (API_KEY, API_SECRET, WEBHOOK_SECRET):
        assert secret not in lines[0]
    return lines[0]
