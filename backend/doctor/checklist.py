"""The guide's checklist for going live, as far as a program can tell."""

import stat
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..config import Settings, unsafe_for_production
from ..domain.terms import Mode
from .findings import Finding, note, ok, wrong

SUPERVISOR_FILES: Final = (Path("supervisord.conf"), Path("/etc/supervisor/conf.d/backend.conf"))
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def for_real_money(settings: Settings) -> Iterator[Finding]:
    yield _mode(settings)
    yield from refusals(settings)
    yield _public("PUBLIC_BASE_URL", settings.base_url)
    yield _frontend(settings)
    yield _origins(settings)
    yield _registered(settings)
    yield _listening(settings)
    yield _orders(settings)
    yield _logs(settings)
    yield _supervisor(settings)


def _mode(settings: Settings) -> Finding:
    if settings.mode is Mode.PRODUCTION:
        return ok("real money", "the settings mean production")
    return wrong(
        "real money",
        f"the settings mean {settings.mode}",
        "set the live merchant id and API key, CASHFLOWS_SCHEME=sha512, "
        "CASHFLOWS_GATEWAY_URL=https://gateway.cashflows.com",
    )


def refusals(settings: Settings) -> Iterator[Finding]:
    for missing in unsafe_for_production(settings):
        yield wrong("start", "the program refuses to start in production like this", f"set {missing}")


def _public(name: str, url: str) -> Finding:
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname in LOCAL_HOSTS:
        return wrong(
            name, f"{url} is no public https address", f"set {name} to the https address that the world reaches"
        )
    return ok(name, url)


def _frontend(settings: Settings) -> Finding:
    if settings.frontend_url is None:
        return note("FRONTEND_URL", "is not set: customers see this program's own plain page after paying")
    return _public("FRONTEND_URL", settings.frontend_url)


def _origins(settings: Settings) -> Finding:
    loose = [o for o in settings.origins if not o.startswith("https://") or urlsplit(o).hostname in LOCAL_HOSTS]
    if loose:
        return wrong(
            "CORS_ORIGINS", f"lets {', '.join(loose)} call", "set CORS_ORIGINS to the shop's https origins alone"
        )
    return ok("CORS_ORIGINS", ", ".join(settings.origins) or "no page of another origin may call")


def _registered(settings: Settings) -> Finding:
    if settings.require_registered_orders:
        return ok("REQUIRE_REGISTERED_ORDERS", "a browser cannot choose its own price")
    return note(
        "REQUIRE_REGISTERED_ORDERS",
        "is off: whoever starts a payment chooses its amount, so the shop must compare it before it delivers",
        "set REQUIRE_REGISTERED_ORDERS=true once the shop's server registers orders",
    )


def _listening(settings: Settings) -> Finding:
    if settings.host in LOCAL_HOSTS:
        return ok("HOST", f"{settings.host}: only a proxy on this machine reaches it")
    return note(
        "HOST", f"{settings.host}: reached from other machines without TLS", "keep all but the proxy out of PORT"
    )


def _orders(settings: Settings) -> Finding:
    if settings.mongo_url is not None:
        return ok("orders", "are kept in MongoDB")
    mode = stat.S_IMODE(settings.data_dir.stat().st_mode) if settings.data_dir.is_dir() else 0
    if mode & stat.S_IRWXO:
        return wrong(
            "orders", f"anybody on this machine can look into {settings.data_dir}", f"chmod 700 {settings.data_dir}"
        )
    return note("orders", f"are kept on this machine's disk, in {settings.data_dir}: one host only; back it up")


def _logs(settings: Settings) -> Finding:
    if settings.log_level == "DEBUG":
        return wrong("LOG_LEVEL", "DEBUG says more than production should", "set LOG_LEVEL=INFO")
    return ok("LOG_LEVEL", settings.log_level)


def _supervisor(settings: Settings) -> Finding:
    """Whether the supervisor waits longer than a shutdown takes, and starts again whatever ended."""
    file = next((file for file in SUPERVISOR_FILES if file.is_file()), None)
    if file is None:
        return note("supervisor", "no supervisord.conf here; whatever starts the program must start it again")
    parser = ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    try:
        parser.read(file)
        program = parser["program:backend"]
        waits = program.getint("stopwaitsecs", 10)
    except (ConfigError, KeyError, ValueError):
        return wrong("supervisor", f"{file} has no readable [program:backend]", "take the project's supervisord.conf")
    if waits <= settings.shutdown_timeout_seconds:
        said = f"{file} kills after {waits} s, a shutdown may take {settings.shutdown_timeout_seconds} s"
        return wrong("supervisor", said, f"set stopwaitsecs={settings.shutdown_timeout_seconds + 10} in {file}")
    if program.get("autorestart") != "true":
        return wrong("supervisor", f"{file} leaves a program down that ended by itself", "set autorestart=true")
    return ok("supervisor", f"{file} waits {waits} s for a shutdown, and starts again whatever ended")
