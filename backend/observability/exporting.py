"""Errors to Sentry and traces to OpenTelemetry, where a setting asks for it; neither is loaded otherwise.

Neither is told of bodies, headers, local variables or addresses, and what text remains is scrubbed.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI

from ..config import Settings, SettingsError
from ..following import followed
from .logs import scrubber

HINT: Final = "set up the rest: pip install 'rafflestack-payments[{extra}]', or unset {setting}"


def start_exporting(app: FastAPI, settings: Settings) -> None:
    """Before the application serves.

    Raises:
        SettingsError: the library that a setting needs is not installed.
    """
    if settings.sentry_dsn is not None:
        _start_sentry(settings.sentry_dsn.get_secret_value(), settings)
    if settings.otel_exporter_otlp_endpoint is not None:
        _start_opentelemetry(app, settings.otel_exporter_otlp_endpoint, settings)


def _start_sentry(dsn: str, settings: Settings) -> None:
    try:
        import sentry_sdk
    except ImportError:
        raise SettingsError("SENTRY_DSN: " + HINT.format(extra="sentry", setting="SENTRY_DSN")) from None
    hide = scrubber(settings)

    def before_send(event: Any, _: Any) -> Any:
        now = followed()
        told = {"request_id": now.request, "trace": now.trace, "order": now.order}
        event["tags"] = {**event.get("tags", {}), **{name: value for name, value in told.items() if value}}
        event.pop("request", None)
        event.pop("breadcrumbs", None)
        return _hidden(event, hide)

    sentry_sdk.init(
        dsn=dsn,
        environment=settings.mode,
        before_send=before_send,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=0,
    )


def _hidden(value: Any, hide: Callable[[str], str]) -> Any:
    match value:
        case str():
            return hide(value)
        case Mapping():
            return {name: _hidden(item, hide) for name, item in value.items()}
        case list() | tuple():
            return [_hidden(item, hide) for item in value]
    return value


def _start_opentelemetry(app: FastAPI, endpoint: str, settings: Settings) -> None:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        setting = "OTEL_EXPORTER_OTLP_ENDPOINT"
        raise SettingsError(f"{setting}: " + HINT.format(extra="otel", setting=setting)) from None
    resource = Resource.create({"service.name": "rafflestack-payments", "deployment.environment": settings.mode})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=provider, excluded_urls="healthz,readyz,metrics", exclude_spans=["receive", "send"]
    )
