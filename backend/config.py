"""All settings, from the environment, ``backend/.env`` or ``.env`` (in this order); they decide the mode.

Nothing else in the program reads the environment. A wrong value is one line that names the setting and never shows
the value, which may be a secret.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from .domain.passwords import parse_console_users
from .domain.roles import Role, parse_operator_keys
from .domain.terms import Mode
from .shop.signing import Secret

PACKAGE: Final = Path(__file__).parent
ENV_FILES: Final = (PACKAGE.parent / ".env", PACKAGE / ".env")
"""The later one wins."""

PRODUCTION_HOST: Final = "gateway.cashflows.com"
DEVELOPMENT_JWT_SECRET: Final = "development-only-jwt-secret-do-not-use-with-real-money"  # noqa: S105 - public on purpose
SHORTEST_SECRET: Final = 32


class SettingsError(Exception):
    """The program must not start like this; the message is one line that says what to set."""


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http or https address without query")
    return url.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]


def _operator_keys(text: str) -> str:
    parse_operator_keys(text)
    return text


def _console_users(text: str) -> str:
    parse_console_users(text)
    return text


def _can_be_registered(required: bool, info: ValidationInfo) -> bool:
    keys = parse_operator_keys(info.data.get("operator_keys", ""))
    if required and all(key.role is not Role.SERVICE for key in keys):
        raise ValueError("needs a key with the role service in OPERATOR_KEYS, or nobody could register an order")
    return required


def _addresses(text: str) -> str:
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            ip_network(part)
        except ValueError:
            raise ValueError("must be addresses or networks such as 10.0.0.0/8, separated by commas") from None
    return text


def _endpoint_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("must be an http or https address without user name and fragment")
    return url


def _signing_secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None:
        Secret.parse(secret.get_secret_value())
    return secret


SigningSecret = Annotated[SecretStr | None, AfterValidator(_signing_secret)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=ENV_FILES,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    gateways: str = Field("cashflows", pattern=r"^[a-z0-9_-]+( *, *[a-z0-9_-]+)*$")
    payment_mode: Mode | None = None
    cashflows_merchant_id: str | None = None
    cashflows_api_key: SecretStr | None = None
    cashflows_api_key_previous: SecretStr | None = None
    cashflows_api_secret: SecretStr | None = None
    cashflows_webhook_secret: SecretStr | None = None
    cashflows_gateway_url: WebAddress = "https://gateway-int.cashflows.com"
    cashflows_scheme: Literal["hmac-sha256", "sha512"] = "hmac-sha256"

    jwt_secret_key: SecretStr = SecretStr(DEVELOPMENT_JWT_SECRET)
    jwt_audience: str | None = Field(None, max_length=200)
    operator_keys: Annotated[str, AfterValidator(_operator_keys)] = ""
    console_users: Annotated[str, AfterValidator(_console_users)] = ""
    require_registered_orders: Annotated[bool, AfterValidator(_can_be_registered)] = False

    notification_url: Annotated[str, AfterValidator(_endpoint_address)] | None = None
    notification_secret: SigningSecret = None
    notification_secret_previous: SigningSecret = None
    notification_timeout_seconds: float = Field(15, gt=0, le=30)

    refund_approval_above: int | None = Field(None, ge=0)

    mongo_url: SecretStr | None = None
    db_name: str = Field("rafflestack", pattern=r"^[A-Za-z0-9_-]{1,38}$")
    data_dir: Path = Path("data")

    requests_at_once: int | None = Field(None, ge=1, le=10_000)
    requests_waiting: int = Field(512, ge=0, le=100_000)
    requests_at_gateway: int = Field(1024, ge=1, le=100_000)
    rate_limit_user: int | None = Field(None, ge=0)
    rate_limit_address: int | None = Field(None, ge=0)
    rate_limit_webhooks: int | None = Field(None, ge=0)
    trusted_proxies: Annotated[str, AfterValidator(_addresses)] = "127.0.0.1,::1"

    host: str = "127.0.0.1"
    port: int = Field(8001, ge=1, le=65535)
    public_base_url: WebAddress | None = None
    frontend_url: WebAddress | None = None
    cors_origins: str = "http://localhost:3000"

    gateway_timeout_seconds: float = Field(8, gt=0, le=60)
    store_timeout_seconds: float = Field(5, gt=0, le=60)
    drain_seconds: float | None = Field(None, ge=0, le=60)
    shutdown_timeout_seconds: int = Field(20, ge=1, le=300)
    payment_page_minutes: int = Field(60, ge=10, le=60 * 24 * 180)
    delivery_kept_days: int = Field(90, ge=7, le=3650)
    worker: Literal["inside", "off"] = "inside"
    worker_poll_seconds: float = Field(1, ge=0.05, le=60)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    metrics_token: SecretStr | None = None
    sentry_dsn: SecretStr | None = None
    otel_exporter_otlp_endpoint: WebAddress | None = None
    otel_traces_sampler_arg: float = Field(1, ge=0, le=1)

    @property
    def mode(self) -> Mode:
        """Mock while any credential that the scheme signs requests with is missing; production by the host alone.

        Without Cashflows among the gateways it is what PAYMENT_MODE says.
        """
        if not self.uses_cashflows:
            return self.payment_mode or Mode.MOCK
        if not self._has_credentials:
            return Mode.MOCK
        host = urlsplit(self.cashflows_gateway_url).hostname
        return Mode.PRODUCTION if host == PRODUCTION_HOST else Mode.INTEGRATION

    @property
    def gateway_names(self) -> list[str]:
        """The gateways to load; the first one takes new payments."""
        return [name.strip() for name in self.gateways.split(",")]

    @property
    def uses_cashflows(self) -> bool:
        return "cashflows" in self.gateway_names

    @property
    def base_url(self) -> str:
        """Where the world reaches this program."""
        return self.public_base_url or f"http://localhost:{self.port}"

    @property
    def origins(self) -> list[str]:
        """The origins whose pages may call the API."""
        return [origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def proxies(self) -> list[str]:
        """The addresses whose word on where a request comes from is taken."""
        return [part.strip() for part in self.trusted_proxies.split(",") if part.strip()]

    @property
    def _has_credentials(self) -> bool:
        needed = [self.cashflows_merchant_id, self.cashflows_api_key]
        if self.cashflows_scheme == "hmac-sha256":
            needed.append(self.cashflows_api_secret)
        return all(needed)


def gateway_settings(settings: Settings) -> dict[str, str]:
    """Every setting under its upper-case name, secrets in the clear, for gateways that bring settings of their own."""
    given: dict[str, str | None] = {}
    for file in ENV_FILES:
        given |= dotenv_values(file)
    given |= os.environ
    for name in Settings.model_fields:
        value = getattr(settings, name)
        given[name.upper()] = value.get_secret_value() if isinstance(value, SecretStr) else value and str(value)
    return {name.upper(): value for name, value in given.items() if value}


def load_settings() -> Settings:
    """Settings from the environment and the ``.env`` files.

    Raises:
        SettingsError: a value is wrong, or production would run unsafely.
    """
    settings = read_settings()
    check_production(settings)
    return settings


def read_settings() -> Settings:
    """As ``load_settings``, safe for production or not.

    Raises:
        SettingsError: a value is wrong, or does not go with another.
    """
    try:
        settings = Settings()
    except ValidationError as exc:
        wrong = [
            f"{str(error['loc'][0]).upper()}: {error['msg'].removeprefix('Value error, ')}"
            for error in exc.errors(include_input=False)
        ]
        raise SettingsError("; ".join(wrong)) from None
    if settings.payment_mode is not None and settings.uses_cashflows:
        raise SettingsError("unset PAYMENT_MODE: with cashflows in GATEWAYS, its settings decide the mode")
    if settings.notification_url is not None and settings.notification_secret is None:
        raise SettingsError("set NOTIFICATION_SECRET too: what NOTIFICATION_URL is told is signed with it")
    return settings


def check_production(settings: Settings) -> None:
    """Refuse to take real money with settings that would make it unsafe.

    Raises:
        SettingsError: lists everything that is missing at once.
    """
    missing = unsafe_for_production(settings) if settings.mode is Mode.PRODUCTION else []
    if missing:
        raise SettingsError("production needs you to set " + ", and ".join(missing))


def unsafe_for_production(settings: Settings) -> list[str]:
    """What must be set before real money, ``SETTING to what``, whatever the mode is now."""
    missing = []
    secret = settings.jwt_secret_key.get_secret_value()
    if secret == DEVELOPMENT_JWT_SECRET or len(secret) < SHORTEST_SECRET:
        missing.append(f"JWT_SECRET_KEY to {SHORTEST_SECRET} random characters or more")
    if not settings.base_url.startswith("https://"):
        missing.append("PUBLIC_BASE_URL to the https address that customers and the gateway reach")
    if settings.notification_url is not None and not settings.notification_url.startswith("https://"):
        missing.append("NOTIFICATION_URL to an https address")
    if settings.uses_cashflows:
        missing += _missing_for_cashflows(settings)
    return missing


def _missing_for_cashflows(settings: Settings) -> list[str]:
    missing = []
    if not settings.cashflows_gateway_url.startswith("https://"):
        missing.append("CASHFLOWS_GATEWAY_URL to an https address")
    if settings.cashflows_scheme == "hmac-sha256" and settings.cashflows_webhook_secret is None:
        missing.append("CASHFLOWS_WEBHOOK_SECRET to the secret that signs webhooks")
    return missing
