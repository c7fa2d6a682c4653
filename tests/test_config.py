import re
from pathlib import Path

import pytest

from backend.config import DEVELOPMENT_JWT_SECRET, Settings, SettingsError, check_production, load_settings
from backend.domain.terms import Mode

ROOT = Path(__file__).parent.parent
SECRET = "s3cret-" * 8
CREDENTIALS = {
    "CASHFLOWS_MERCHANT_ID": "200426100000000000",
    "CASHFLOWS_API_KEY": SECRET,
    "CASHFLOWS_API_SECRET": SECRET,
    "CASHFLOWS_WEBHOOK_SECRET": SECRET,
}
PRODUCTION = {
    **CREDENTIALS,
    "CASHFLOWS_GATEWAY_URL": "https://gateway.cashflows.com",
    "JWT_SECRET_KEY": SECRET,
    "PUBLIC_BASE_URL": "https://pay.rafflestack.example",
}


@pytest.fixture(autouse=True)
def only_given_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in PRODUCTION.items() if key != name}


def test_without_credentials_the_mode_is_mock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).mode is Mode.MOCK


@pytest.mark.parametrize("missing", ["CASHFLOWS_MERCHANT_ID", "CASHFLOWS_API_KEY", "CASHFLOWS_API_SECRET"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_any_missing_credential_means_mock(monkeypatch: pytest.MonkeyPatch, missing: str, how: str) -> None:
    given = without(missing) | ({missing: ""} if how == "empty" else {})
    assert load(monkeypatch, **given).mode is Mode.MOCK


def test_the_published_scheme_needs_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    given = without("CASHFLOWS_API_SECRET") | {"CASHFLOWS_SCHEME": "sha512"}
    del given["CASHFLOWS_WEBHOOK_SECRET"]
    assert load(monkeypatch, **given).mode is Mode.PRODUCTION


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("https://gateway-int.cashflows.com", Mode.INTEGRATION),
        ("http://127.0.0.1:8002", Mode.INTEGRATION),
        ("https://gateway.cashflows.com", Mode.PRODUCTION),
        ("https://gateway.cashflows.com/api/gateway", Mode.PRODUCTION),
        ("https://GATEWAY.cashflows.com/", Mode.PRODUCTION),
    ],
)
def test_the_gateways_host_decides_whose_money_moves(monkeypatch: pytest.MonkeyPatch, url: str, mode: Mode) -> None:
    assert load(monkeypatch, **PRODUCTION | {"CASHFLOWS_GATEWAY_URL": url}).mode is mode


@pytest.mark.parametrize("mode", Mode)
def test_without_cashflows_a_setting_says_whose_money_moves(monkeypatch: pytest.MonkeyPatch, mode: Mode) -> None:
    others = {"JWT_SECRET_KEY": SECRET, "PUBLIC_BASE_URL": PRODUCTION["PUBLIC_BASE_URL"]}
    assert load(monkeypatch, GATEWAYS="acme", **others).mode is Mode.MOCK
    assert load(monkeypatch, GATEWAYS="acme", PAYMENT_MODE=mode.value, **others).mode is mode


def test_production_is_checked_for_any_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"JWT_SECRET_KEY .*PUBLIC_BASE_URL"):
        load(monkeypatch, GATEWAYS="acme", PAYMENT_MODE="production")


def test_with_cashflows_its_credentials_decide_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="unset PAYMENT_MODE"):
        load(monkeypatch, GATEWAYS="acme,cashflows", PAYMENT_MODE="integration")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"JWT_SECRET_KEY": ""}, "JWT_SECRET_KEY"),
        ({"JWT_SECRET_KEY": DEVELOPMENT_JWT_SECRET}, "JWT_SECRET_KEY"),
        ({"JWT_SECRET_KEY": "x" * 31}, "JWT_SECRET_KEY"),
        ({"PUBLIC_BASE_URL": ""}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "http://pay.rafflestack.example"}, "PUBLIC_BASE_URL"),
        (
            {"NOTIFICATION_URL": "http://shop.example", "NOTIFICATION_SECRET": "whsec_" + "QUJD" * 10},
            "NOTIFICATION_URL to an https address",
        ),
        ({"CASHFLOWS_WEBHOOK_SECRET": ""}, "CASHFLOWS_WEBHOOK_SECRET"),
        ({"CASHFLOWS_GATEWAY_URL": "http://gateway.cashflows.com"}, "CASHFLOWS_GATEWAY_URL"),
    ],
)
def test_production_refuses_what_is_unsafe_and_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(monkeypatch, **PRODUCTION | changes)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_production_starts_with_safe_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    check_production(load(monkeypatch, **PRODUCTION))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CASHFLOWS_SCHEME", "hmac"),
        ("CASHFLOWS_GATEWAY_URL", "gateway.cashflows.com"),
        ("CASHFLOWS_GATEWAY_URL", "ftp://gateway.cashflows.com"),
        ("PUBLIC_BASE_URL", "https://pay.example/?x=1"),
        ("PORT", "0"),
        ("PORT", "eighty"),
        ("GATEWAY_TIMEOUT_SECONDS", "-1"),
        ("GATEWAY_TIMEOUT_SECONDS", "nan"),
        ("PAYMENT_PAGE_MINUTES", "1"),
        ("DB_NAME", "a b"),
        ("LOG_LEVEL", "loud"),
        ("NOTIFICATION_URL", "ftp://shop.example"),
        ("NOTIFICATION_URL", "https://user:word@shop.example/"),
        ("NOTIFICATION_SECRET", "whsec_dG9vIHNob3J0"),
        ("NOTIFICATION_SECRET_PREVIOUS", "bm8gcHJlZml4IG5vIHByZWZpeCBubyBwcmVmaXggISE="),
        ("OPERATOR_KEYS", "ok_a-key-by-mistake"),
        ("REQUIRE_REGISTERED_ORDERS", "true"),  # without a key that could register any
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_setting_and_not_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(monkeypatch, **{name: value})
    assert str(refused.value).startswith(f"{name}: ")
    assert "\n" not in str(refused.value)


def test_what_the_shop_is_told_must_be_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="set NOTIFICATION_SECRET too"):
        load(monkeypatch, NOTIFICATION_URL="https://shop.example/hooks")


def test_no_secret_shows_in_a_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SECRET not in repr(load(monkeypatch, **PRODUCTION, MONGO_URL=f"mongodb://u:{SECRET}@h"))


def test_a_trailing_newline_is_no_part_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **CREDENTIALS | {"CASHFLOWS_API_KEY": f" {SECRET}\n"})
    assert settings.cashflows_api_key is not None
    assert settings.cashflows_api_key.get_secret_value() == SECRET


def test_the_environment_wins_over_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "inner"
    outer.write_text("PORT=1001\nDB_NAME=outer\nLOG_LEVEL=ERROR\n")
    inner.write_text("PORT=1002\nDB_NAME=inner\n")
    monkeypatch.setitem(Settings.model_config, "env_file", (outer, inner))
    settings = load(monkeypatch, PORT="1003")
    assert (settings.port, settings.db_name, settings.log_level) == (1003, "inner", "ERROR")


def documented() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_setting_is_in_the_example_with_its_default() -> None:
    defaults = Settings(_env_file=None)
    assert set(documented()) == {name.upper() for name in Settings.model_fields}
    for name, text in documented().items():
        default = getattr(defaults, name.lower())
        shown = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        assert text == ("" if shown is None else str(shown).removesuffix(".0")), name


def test_every_setting_in_the_example_has_a_sentence_of_its_own() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in documented():
        assert re.search(rf"# .*[.:].*\n(#.*\n)*{name}=", text), name


def test_the_deadlines_nest() -> None:
    settings = Settings(_env_file=None)
    stop_wait = int(re.findall(r"stopwaitsecs=(\d+)", (ROOT / "supervisord.conf").read_text(encoding="utf-8"))[0])
    assert settings.gateway_timeout_seconds < settings.shutdown_timeout_seconds < stop_wait
