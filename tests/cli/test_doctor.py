"""The doctor finds what was broken on purpose, says what to type, and shows no secret."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backend import config
from backend.doctor import checklist, reading
from tests.program.host import API_KEY, API_SECRET, Host, credentials

from .conftest import Run

LIVE = {
    "CASHFLOWS_MERCHANT_ID": "201126100000000042",
    "CASHFLOWS_API_KEY": "6b3f4d0e-canary-api-key",
    "CASHFLOWS_API_SECRET": "6b3f4d0e-canary-api-secret",
    "CASHFLOWS_GATEWAY_URL": "https://gateway.cashflows.com",
}


def findings(run: Run, *words: str, code: int = 4) -> dict[str, Any]:
    return {each["what"]: each for each in run("doctor", *words, "--json", code=code)}


def test_before_the_first_start_the_doctor_makes_no_store_and_tells_the_rest(run: Run, tmp_path: Path) -> None:
    told = findings(run, code=0)
    assert told["store"]["level"] == "note"
    assert told["store"]["said"] == f"there is none yet: looked for {tmp_path}/orders.sqlite3"
    assert told["gateway cashflows"]["said"] == "took a signed read (simulated)"
    assert told["notifications"]["level"] == "note"
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_installation_in_mock_mode_is_all_right(run: Run, store_file: Path) -> None:
    told = findings(run, code=0)
    assert {each["level"] for each in told.values()} <= {"ok", "note"}
    assert told["gateway cashflows"]["said"] == "took a signed read (simulated)"
    assert told["store"]["level"] == told["indexes"]["level"] == "ok"
    assert "a live Cashflows account uses sha512" in told["scheme"]["said"]
    assert re.search(r"ok +mode: mock: payments are simulated", run("doctor"))
    assert re.search(r"\d+ ok, \d+ to know, 0 wrong", run("doctor"))


def test_an_env_file_that_others_can_read_is_named_with_the_command_to_type(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=8001\n")
    monkeypatch.setattr(reading, "ENV_FILES", (file,))
    file.chmod(0o640)
    assert findings(run)["env file"]["todo"] == f"chmod 600 {file}"
    file.chmod(0o600)
    assert findings(run, code=0)["env file"]["level"] == "ok"


def test_who_names_the_price_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "REQUIRE_REGISTERED_ORDERS=true" in findings(run, code=0)["prices"]["todo"]
    monkeypatch.setenv("OPERATOR_KEYS", f"shop:service:{'0' * 64}")
    monkeypatch.setenv("REQUIRE_REGISTERED_ORDERS", "true")
    assert findings(run, code=0)["prices"]["level"] == "ok"


def test_a_missing_index_is_found(run: Run, paid: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "orders.sqlite3")) as store, store:
        store.execute("DROP INDEX orders_due")
    assert findings(run)["indexes"]["said"] == "index orders_due is missing"


def test_a_wrong_setting_is_told_by_name_without_its_value(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URL", "")
    monkeypatch.setenv("PORT", "canary-value")
    told = run("doctor", code=4)
    assert "PORT" in told
    assert "canary-value" not in told


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("x" * 40, "fewer than 10 different characters"),
        ("short", "fewer than 32 characters"),
        ("your-secret-goes-here-0123456789-abcdef", "looks like an example"),
        (config.DEVELOPMENT_JWT_SECRET, "public default"),
    ],
)
def test_a_weak_secret_is_only_worth_knowing_in_mock_mode(
    run: Run, monkeypatch: pytest.MonkeyPatch, secret: str, said: str
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", secret)
    told = findings(run, code=0)["JWT_SECRET_KEY"]
    assert (told["level"], said in told["said"]) == ("note", True)
    assert secret not in str(told)


def test_the_doctor_finds_what_the_start_refuses(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATION_URL", "https://shop.example/hooks")
    found = findings(run)["settings"]
    assert (found["level"], found["said"].split(":")[0]) == ("wrong", "set NOTIFICATION_SECRET too")
    monkeypatch.delenv("NOTIFICATION_URL")
    for name, value in (LIVE | {"JWT_SECRET_KEY": "short", "GATEWAYS": "acme", "PAYMENT_MODE": "production"}).items():
        monkeypatch.setenv(name, value)
    refusals = [each for each in run("doctor", "--json", code=4) if each["what"] == "start"]
    assert [each["todo"].split(" to ")[0] for each in refusals] == ["set JWT_SECRET_KEY", "set PUBLIC_BASE_URL"]
    again = [each for each in run("doctor", "--production", "--json", code=4) if each["what"] == "start"]
    assert again == refusals


def test_a_command_in_the_place_of_a_secret_is_recognised(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell would run it; in the file that holds the settings it is a text like any other."""
    monkeypatch.setenv("JWT_SECRET_KEY", "$(openssl rand -hex 32)")
    told = findings(run, code=0)["JWT_SECRET_KEY"]
    assert told["said"] == "is a command and not what it prints: nothing runs it there"
    assert told["todo"] == "before real money: run `openssl rand -hex 32`, and set JWT_SECRET_KEY to what it prints"


def test_the_production_checklist_names_everything_that_real_money_needs(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = findings(run, "--production")
    wrong = {name for name, each in told.items() if each["level"] == "wrong"}
    assert {"real money", "PUBLIC_BASE_URL", "CORS_ORIGINS"} <= wrong
    assert all(each["todo"] for each in told.values() if each["level"] == "wrong")


def test_hmac_on_the_live_host_is_wrong_and_secrets_are_not_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (LIVE | {"JWT_SECRET_KEY": LIVE["CASHFLOWS_API_SECRET"]}).items():
        monkeypatch.setenv(name, value)
    settings = config.read_settings()
    told = {each.what: each for each in [*reading.from_settings(settings), *checklist.for_real_money(settings)]}
    assert told["scheme"].todo.startswith("set CASHFLOWS_SCHEME=sha512")
    assert told["secrets"].said == "two of them are the same"
    assert told["real money"].level == "ok"
    assert "canary" not in str(told)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("stopwaitsecs=30\nautorestart=true", "waits 30 s"),
        ("autorestart=true", "kills after 10 s"),
        ("stopwaitsecs=30\nautorestart=unexpected", "leaves a program down"),
        ("stopwaitsecs=long", "no readable"),
    ],
)
def test_a_supervisor_that_would_cut_a_shutdown_off_is_found(run: Run, tmp_path: Path, program: str, said: str) -> None:
    (tmp_path / "supervisord.conf").write_text(f"[program:backend]\n{program}\n")
    assert said in findings(run, "--production")["supervisor"]["said"]


def test_a_running_gateway_and_server_are_reached_and_a_wrong_key_is_told(host: Host) -> None:
    gateway = host.gateway()
    settings = credentials(
        gateway.port, JWT_SECRET_KEY="c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2"
    )
    backend = host.backend(settings)
    settings |= {"PUBLIC_BASE_URL": f"http://127.0.0.1:{backend.port}"}
    told = host.run("backend", "doctor", settings=settings)
    assert told.wait() in (0, 4), told.errors
    for line in (
        "ok    gateway cashflows: took a signed read",
        "ok    clock: agrees with the gateway's",
        "leads to this program",
    ):
        assert line in told.output
    wrong = host.run("backend", "doctor", settings=settings | {"CASHFLOWS_API_SECRET": "another-secret"})
    assert wrong.wait() == 4
    assert "wrong gateway cashflows: did not take a signed read: the gateway answered 401" in wrong.output
    other = host.run("backend", "doctor", settings=settings | {"CASHFLOWS_MERCHANT_ID": "201126100000000043"})
    assert other.wait() == 4
    assert "it does not know this account: CASHFLOWS_MERCHANT_ID is wrong, or the keys are of another" in other.output
    gone = host.run("backend", "doctor", settings=settings | {"PUBLIC_BASE_URL": "http://127.0.0.1:9"})
    assert gone.wait() == 4
    assert "wrong webhook address" in gone.output
    for secret in (API_KEY, API_SECRET, "another-secret"):
        assert secret not in told.output + wrong.output + gone.output
