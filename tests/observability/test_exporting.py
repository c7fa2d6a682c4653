"""Sentry and OpenTelemetry are loaded by a setting alone, and a missing library is told in one line."""

import subprocess
import sys

import pytest

from backend.config import Settings, SettingsError
from backend.observability.exporting import start_exporting

CHECK = "import backend.server, sys; backend.server.app; print(any(n.startswith({names}) for n in sys.modules))"


def test_neither_library_is_loaded_unless_a_setting_asks_for_it() -> None:
    code = CHECK.format(names=("sentry_sdk", "opentelemetry.sdk"))
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("setting", "value", "library", "extra"),
    [
        ("sentry_dsn", "https://key@errors.example/1", "sentry_sdk", "sentry"),
        ("otel_exporter_otlp_endpoint", "https://traces.example", "opentelemetry.sdk", "otel"),
    ],
)
def test_a_missing_library_is_named_with_the_command_to_type(
    setting: str, value: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    settings = Settings(_env_file=None, **{setting: value})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=rf"{setting.upper()}: .*\[{extra}\]"):
        start_exporting(settings)


def test_nothing_is_started_without_a_setting() -> None:
    assert start_exporting(Settings(_env_file=None)) is None


def test_a_wrong_address_of_sentry_is_one_line_without_the_address() -> None:
    with pytest.raises(SettingsError, match=r"^SENTRY_DSN: must be an address .*$") as told:
        start_exporting(Settings(_env_file=None, sentry_dsn="https://errors.example/no-key"))
    assert "no-key" not in str(told.value)
