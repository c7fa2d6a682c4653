"""Spans to OpenTelemetry: one for each request and one for each call to a gateway, in the caller's trace.

The library's own watching of the framework is not used: it tells of whole addresses and of where customers are, and
knows neither orders nor payments.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from ..domain.terms import Mode
from ..following import Place, Told

Hide = Callable[[str], str]

SEND_SECONDS: Final = 3
"""Also of a stop, which must not wait for a receiver that is away."""

KINDS: Final[Mapping[str, trace.SpanKind]] = {"server": trace.SpanKind.SERVER, "client": trace.SpanKind.CLIENT}


def start(endpoint: str, mode: Mode, share: float, hide: Hide) -> "OpenTelemetry":
    """``share`` is that of the traces that begin here; whether a caller's is recorded, the caller says."""
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(share)),
        resource=Resource.create({"service.name": "rafflestack-payments", "deployment.environment.name": str(mode)}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=SEND_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OpenTelemetry(provider, hide)


class OpenTelemetry:
    def __init__(self, provider: TracerProvider, hide: Hide) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("backend")
        self._hide = hide

    def begin(self, kind: Literal["server", "client"], parent: Place | None) -> "RecordedSpan":
        within = Context()
        if parent is not None:
            place = trace.SpanContext(
                int(parent.trace, 16),
                int(parent.span, 16),
                is_remote=kind == "server",
                trace_flags=trace.TraceFlags(int(parent.flags, 16)),
            )
            within = trace.set_span_in_context(trace.NonRecordingSpan(place), within)
        return RecordedSpan(self._tracer.start_span("", within, KINDS[kind]), self._hide)

    def close(self) -> None:
        self._provider.shutdown()


class RecordedSpan:
    def __init__(self, span: trace.Span, hide: Hide) -> None:
        self._span = span
        self._hide = hide
        context = span.get_span_context()
        self.place = Place(f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{context.trace_flags & 1:02x}")

    def end(self, name: str, told: Told, *, failed: bool) -> None:
        self._span.update_name(name)
        for key, value in told.items():
            if key != "trace":
                self._span.set_attribute(key if "." in key else f"backend.{key}", self._hidden(value))
        if failed:
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()

    def _hidden(self, value: Any) -> Any:
        match value:
            case str():
                return self._hide(value)
            case list() | tuple():
                return [self._hidden(item) for item in value]
        return value
