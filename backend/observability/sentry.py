"""Errors to Sentry: where they happened and what they were about, and nothing that a customer or a caller wrote.

Only what is logged as an error is sent, once. The library's own watching of requests, calls and log lines is off: it
would tell of bodies, headers, addresses and variables, and would send headers of its own to the gateway.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.utils import BadDsn

from ..domain.terms import Mode
from ..following import followed

__all__ = ["BadDsn", "start"]

DISTRIBUTION: Final = "rafflestack-payments"
OURS: Final = ("backend", "uvicorn")
LEFT_OUT: Final = "(left out, as it may hold personal data; the log has it)"
KEPT: Final = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment", "server_name", "sdk")

Hide = Callable[[str], str]


def start(dsn: str, mode: Mode, hide: Hide) -> None:
    """
    Raises:
        BadDsn: it is no address of Sentry's form.
    """
    ignore_logger("opentelemetry.*")  # one receiver that is away is no news for the other
    sentry_sdk.init(
        dsn=dsn,
        environment=mode,
        release=f"{DISTRIBUTION}@{version(DISTRIBUTION)}",
        before_send=lambda event, _: _told(event, hide),
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, sentry_logs_level=None),
            ExcepthookIntegration(),
            ThreadingIntegration(propagate_scope=False),
            DedupeIntegration(),
            AtexitIntegration(callback=lambda *_: None),
        ],
        include_local_variables=False,
        max_request_body_size="never",
        auto_session_tracking=False,
        send_client_reports=False,
    )


def _told(event: Any, hide: Hide) -> Any:
    """A new event of what is known to be harmless, rather than the whole without what is known to harm."""
    now = followed()
    told = {name: event[name] for name in KEPT if name in event}
    told["tags"] = {name: value for name, value in now.references.items() if isinstance(value, str)}
    told["extra"] = {"payments": list(now.payments)}
    if now.place is not None:
        told["contexts"] = {"trace": {"trace_id": now.place.trace, "span_id": now.place.span}}
    if "logentry" in event:
        told["logentry"] = {"message": _message(event)}
    if "exception" in event:
        told["exception"] = {"values": [_exception(each) for each in event["exception"]["values"]]}
    return _hidden(told, hide)


def _message(event: Any) -> str:
    """Our own log lines are harmless; those of libraries may show an error's words."""
    logger = str(event.get("logger", ""))
    return str(event["logentry"]["formatted"]) if logger.startswith(OURS) else f"an error in {logger}"


def _exception(raised: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where it happened; its words only where they are ours, which hold references and amounts at most."""
    is_ours = str(raised.get("module") or "").startswith("backend.")
    return {**raised, "value": raised.get("value") if is_ours else LEFT_OUT}


def _hidden(value: Any, hide: Hide) -> Any:
    match value:
        case str():
            return hide(value)
        case Mapping():
            return {name: _hidden(item, hide) for name, item in value.items()}
        case list() | tuple():
            return [_hidden(item, hide) for item in value]
    return value
