"""What the settings and their files tell by themselves."""

import stat
from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr

from ..config import DEVELOPMENT_JWT_SECRET, ENV_FILES, SHORTEST_SECRET, Settings
from ..domain.roles import parse_operator_keys
from ..domain.terms import Mode
from .findings import Finding, note, ok, wrong

FEWEST_DIFFERENT: Final = 10
"""Different characters in a secret of 32; random text of any alphabet has more."""
GUESSABLE: Final = ("secret", "password", "changeme", "change-me", "example", "your-", "12345678")
NEW_ONE: Final = "run `openssl rand -hex 32`, and set JWT_SECRET_KEY to what it prints"

LIVE_SCHEME: Final = (
    "a live Cashflows account uses sha512 (SHA-512 over API key and body, unsigned webhooks); "
    "hmac-sha256 is this project's own scheme, for gateways and test systems that speak it"
)


def from_settings(settings: Settings) -> Iterator[Finding]:
    yield ok("settings", "every value can be read")
    yield from env_files()
    yield _mode(settings)
    yield _scheme(settings)
    yield from _secrets(settings)
    yield _operators(settings)
    yield _prices(settings)
    yield _limits(settings)


def env_files() -> Iterator[Finding]:
    """The files hold secrets, so only their owner may read them."""
    there = [file for file in ENV_FILES if file.is_file()]
    if not there:
        yield note("env file", "there is none; settings come from the environment")
    for file in there:
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield wrong("env file", f"{file} can be read by others (mode {mode:o})", f"chmod 600 {file}")
        else:
            yield ok("env file", f"{file} can be read by its owner alone")


def _mode(settings: Settings) -> Finding:
    meaning = {
        Mode.MOCK: "payments are simulated; no real money moves",
        Mode.INTEGRATION: "the gateway's test money moves",
        Mode.PRODUCTION: "real money moves",
    }
    return ok("mode", f"{settings.mode}: {meaning[settings.mode]}")


def _scheme(settings: Settings) -> Finding:
    if not settings.uses_cashflows:
        return ok("scheme", "no Cashflows gateway is in use")
    if settings.cashflows_scheme == "sha512":
        return ok("scheme", "sha512: what a live Cashflows account uses")
    said = f"{settings.cashflows_scheme}: {LIVE_SCHEME}"
    if settings.mode is Mode.PRODUCTION:
        return wrong("scheme", said, "set CASHFLOWS_SCHEME=sha512, unless Cashflows has told you otherwise")
    return note("scheme", said, "for a live account set CASHFLOWS_SCHEME=sha512")


def _secrets(settings: Settings) -> Iterator[Finding]:
    weak = _weakness(settings.jwt_secret_key)
    if settings.jwt_secret_key.get_secret_value() == DEVELOPMENT_JWT_SECRET:
        weak = "is the public default: anybody can make tokens"
    if weak is None:
        yield ok("JWT_SECRET_KEY", "is long and looks random")
    elif settings.mode is Mode.MOCK:
        yield note("JWT_SECRET_KEY", weak, f"before real money: {NEW_ONE}")
    else:
        yield wrong("JWT_SECRET_KEY", weak, f"set the secret of the shop's login; for a new one {NEW_ONE}")
    if settings.uses_cashflows and settings.cashflows_scheme == "hmac-sha256" and settings.mode is not Mode.MOCK:
        yield _webhook_secret(settings)
    if settings.mode is not Mode.MOCK:
        yield _differ(settings)


def _webhook_secret(settings: Settings) -> Finding:
    name, secret = "CASHFLOWS_WEBHOOK_SECRET", settings.cashflows_webhook_secret
    if secret is None:
        return wrong(name, "is not set: every webhook is refused", f"set {name} to the secret that signs webhooks")
    weak = _weakness(secret)
    return ok(name, "is long and looks random") if weak is None else wrong(name, weak, "have a longer one issued")


def _weakness(secret: SecretStr) -> str | None:
    text = secret.get_secret_value()
    if text.startswith("$("):
        return "is a command and not what it prints: nothing runs it there"
    if len(text) < SHORTEST_SECRET:
        return f"has fewer than {SHORTEST_SECRET} characters"
    if len(set(text)) < FEWEST_DIFFERENT:
        return f"has fewer than {FEWEST_DIFFERENT} different characters"
    if any(word in text.lower() for word in GUESSABLE):
        return "looks like an example"
    return None


def _differ(settings: Settings) -> Finding:
    names = ("jwt_secret_key", "cashflows_api_key", "cashflows_api_secret", "cashflows_webhook_secret")
    given = [secret.get_secret_value() for name in names if (secret := getattr(settings, name)) is not None]
    if len(set(given)) < len(given):
        return wrong("secrets", "two of them are the same", "give each purpose a secret of its own")
    return ok("secrets", "no two are the same")


def _operators(settings: Settings) -> Finding:
    keys = parse_operator_keys(settings.operator_keys)
    if not keys:
        return note(
            "operators", "no operator keys; only tokens with is_admin may act", "backend operator-key NAME --role ROLE"
        )
    return ok("operators", ", ".join(sorted({f"{key.name} ({key.role})" for key in keys})))


def _prices(settings: Settings) -> Finding:
    if settings.require_registered_orders:
        return ok("prices", "the shop's server registers every order, with its amount")
    todo = "set REQUIRE_REGISTERED_ORDERS=true, and have the shop's server register its orders"
    return note("prices", "a customer's browser names the amount that it pays", todo)


def _limits(settings: Settings) -> Finding:
    gateway, shutdown = settings.gateway_timeout_seconds, settings.shutdown_timeout_seconds
    if gateway >= shutdown:
        said = f"a gateway call may take {gateway:g} s, a shutdown {shutdown} s: a restart would cut calls off"
        return wrong("limits", said, "set SHUTDOWN_TIMEOUT_SECONDS above GATEWAY_TIMEOUT_SECONDS")
    return ok("limits", f"gateway call {gateway:g} s < shutdown {shutdown} s")
