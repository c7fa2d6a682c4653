"""Errors to Sentry and traces to OpenTelemetry, where a setting asks for it; neither is loaded otherwise."""

from typing import Final

from ..config import Settings, SettingsError
from ..following import Tracer
from .logs import scrubber

HINT: Final = "set up the rest: pip install 'rafflestack-payments[{extra}]', or unset {setting}"


def start_exporting(settings: Settings) -> Tracer | None:
    """Before anything is served; what takes spans, if anything does, is to be closed at the end.

    Raises:
        SettingsError: the library that a setting needs is not installed, or it does not take the setting.
    """
    if settings.sentry_dsn is not None:
        _start_sentry(settings, settings.sentry_dsn.get_secret_value())
    if settings.otel_exporter_otlp_endpoint is not None:
        return _start_tracing(settings, settings.otel_exporter_otlp_endpoint)
    return None


def _start_sentry(settings: Settings, dsn: str) -> None:
    try:
        from .sentry import BadDsn, start
    except ImportError:
        raise SettingsError("SENTRY_DSN: " + HINT.format(extra="sentry", setting="SENTRY_DSN")) from None
    try:
        start(dsn, settings.mode, scrubber(settings))
    except BadDsn:
        raise SettingsError("SENTRY_DSN: must be an address as Sentry shows it, https://KEY@HOST/PROJECT") from None


def _start_tracing(settings: Settings, endpoint: str) -> Tracer:
    try:
        from .tracing import start
    except ImportError:
        setting = "OTEL_EXPORTER_OTLP_ENDPOINT"
        raise SettingsError(f"{setting}: " + HINT.format(extra="otel", setting=setting)) from None
    return start(endpoint, settings.mode, settings.otel_traces_sampler_arg, scrubber(settings))
