"""A gateway in a package of somebody else's: installed with pip, chosen by settings, paid through, and checked."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from .host import PROJECT, WEBHOOK_SECRET, Gateway, Host, credentials
from .shop import Shop, paid_exactly_once, post_webhook

EXAMPLE: Final = PROJECT / "examples" / "acme-gateway"
MOST_LINES: Final = 150
CREDENTIALS: Final = {"ACME_KEY": "key-of-the-tests-0123456789", "ACME_WEBHOOK_SECRET": "whsec-of-the-tests"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip installed the example into, as it would into an environment; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("acme")
    source = shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(folder / "site"), str(source)]
    subprocess.run(command, check=True, timeout=100)
    return folder / "site"


def test_a_gateway_takes_no_more_than_a_page_or_three(installed: Path) -> None:
    lines = (installed / "acme_gateway" / "__init__.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES


def test_the_conformance_kit_is_run_by_name_and_passes(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--gateway=acme", "-q", "-p", "no:cacheprovider"]
    environment = {"PYTHONPATH": f"{installed}:{PROJECT}", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    passed = int(run.stdout.split(" passed")[0].split()[-1])
    assert passed >= 40


def start_acme(host: Host, paths: dict[str, str]) -> Gateway:
    site = host.site()
    server = ["-m", "uvicorn", "--factory", "acme_gateway.pretend:app", "--port", str(site.port)]
    process = host.run("python", *server, settings={**CREDENTIALS, **paths})
    return Gateway(site, process).wait_for("/health")


def test_an_order_is_paid_through_it_in_the_running_program(host: Host, installed: Path) -> None:
    paths = {"PYTHONPATH": f"{host.project}:{installed}"}
    acme = start_acme(host, paths)
    settings = {"GATEWAYS": "acme", "PAYMENT_MODE": "integration", "ACME_URL": f"http://127.0.0.1:{acme.port}"}
    backend = host.backend({**settings, **CREDENTIALS, **paths})
    shop = Shop(backend)
    created = shop.created()
    assert created["is_mocked"] is False
    assert created["action_url"].startswith(settings["ACME_URL"])
    assert shop.order()["status"] == "pending"

    assert acme.client.post(created["action_url"]).status_code == 200
    assert paid_exactly_once(shop.order_once("paid"))
    assert backend.client.get("/readyz").json()["gateways"] == {"acme": "in use"}


def test_two_gateways_serve_at_once_each_by_its_name(host: Host, installed: Path) -> None:
    paths = {"PYTHONPATH": f"{host.project}:{installed}"}
    acme, cashflows = start_acme(host, paths), host.gateway()
    settings = {"GATEWAYS": "acme, cashflows", "ACME_URL": f"http://127.0.0.1:{acme.port}"}
    backend = host.backend({**credentials(cashflows.port), **settings, **CREDENTIALS, **paths})
    assert backend.client.get("/readyz").json()["gateways"] == {"acme": "in use", "cashflows": "in use"}

    shop = Shop(backend)
    page = shop.created()["action_url"]
    assert page.startswith(settings["ACME_URL"]), "the first one takes new payments"
    told = {"order": "ELSEWHERE-1", "payment": "211", "status": "captured"}
    assert post_webhook(backend, WEBHOOK_SECRET, **told).status_code == 200
    assert post_webhook(backend, CREDENTIALS["ACME_WEBHOOK_SECRET"], **told).status_code == 401
    assert backend.client.post("/api/webhooks/acme", content=b"{}").status_code == 401
    assert acme.client.post(page).status_code == 200
    assert paid_exactly_once(shop.order_once("paid"))
