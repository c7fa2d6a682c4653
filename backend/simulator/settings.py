"""What one simulated merchant account is: its credentials, where it lives and how it takes money."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEDGER_FILE: Final = "simulator.sqlite3"
DEFAULT_PORT: Final = 8002


@dataclass(frozen=True)
class SimulatorSettings:
    """The defaults are published test values: a simulator protects no money."""

    configuration_id: str = "201126100000000001"
    api_key: str = "simulator-api-key"
    api_secret: str = "simulator-api-secret"  # noqa: S105 a published test value
    webhook_secret: str = "simulator-webhook-secret"  # noqa: S105 a published test value
    api_key_2: str | None = None
    public_base_url: str = f"http://localhost:{DEFAULT_PORT}"
    """Prefix of every URL that is handed out, without a slash at its end."""
    ledger_path: Path | None = None
    """A SQLite file that outlives the process and may be shared by several; None keeps the ledger in memory."""
    auto_capture: bool = True
    partial_capture: bool = False
    merchant_name: str = "Test Merchant"

    def __post_init__(self) -> None:
        for name in ("configuration_id", "api_key", "api_secret", "webhook_secret"):
            if not getattr(self, name):
                raise ValueError(f"the simulator's {name} must not be empty")


def port_from_environment(environ: Mapping[str, str]) -> int:
    text = environ.get("SIMULATOR_PORT") or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise ValueError("SIMULATOR_PORT must be a port number")
    return int(text)


def settings_from_environment(environ: Mapping[str, str], port: int) -> SimulatorSettings:
    """Settings of the program of its own, which listens on ``port``; what is missing or empty takes its default."""
    given = {
        field: environ[name]
        for field, name in {
            "configuration_id": "SIMULATOR_CONFIGURATION_ID",
            "api_key": "SIMULATOR_API_KEY",
            "api_key_2": "SIMULATOR_API_KEY_2",
            "api_secret": "SIMULATOR_API_SECRET",
            "webhook_secret": "SIMULATOR_WEBHOOK_SECRET",
            "public_base_url": "SIMULATOR_PUBLIC_BASE_URL",
        }.items()
        if environ.get(name)
    }
    given.setdefault("public_base_url", f"http://localhost:{port}")
    folder = environ.get("SIMULATOR_DATA_DIR")
    return SimulatorSettings(
        **given,
        ledger_path=Path(folder) / LEDGER_FILE if folder else None,
        auto_capture=_switch(environ, "SIMULATOR_AUTO_CAPTURE", default=True),
        partial_capture=_switch(environ, "SIMULATOR_PARTIAL_CAPTURE", default=False),
    )


def _switch(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if text in {"", "1", "true", "yes", "on"}:
        return True if text else default
    if text in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"{name} is a switch: write true or false")
