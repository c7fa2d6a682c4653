"""What the program tells of itself, as the other side gets it: Sentry's envelopes and OpenTelemetry's spans."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

HOP_BY_HOP: Final = frozenset({"connection", "content-length", "host", "transfer-encoding", "keep-alive"})


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> bytes:
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body


@dataclass
class Receiver:
    """Listens on a free port, keeps every request, and answers each as it is told to."""

    answer: Callable[[Request], tuple[int, bytes]] = lambda _: (200, b"")
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                receiver.requests.append(request)
                status, answer = receiver.answer(request)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST  # noqa: N815 - the library's own names

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    @property
    def texts(self) -> list[str]:
        """All that came, to search in."""
        return [f"{each.path} {each.headers} {each.content.decode('latin-1')}" for each in self.requests]


def passing_on(to_port: int) -> Receiver:
    """In front of a program, to see what it is sent."""

    def answer(request: Request) -> tuple[int, bytes]:
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        url = f"http://127.0.0.1:{to_port}{request.path}"
        with httpx.Client(trust_env=False, timeout=20) as client:
            told = client.request(request.method, url, headers=headers, content=request.body)
        return told.status_code, told.content

    return Receiver(answer)


def sentry_dsn(receiver: Receiver, key: str = "public") -> str:
    return f"http://{key}@127.0.0.1:{receiver.port}/42"


def sentry_events(receiver: Receiver) -> list[Any]:
    """Source: Sentry's envelope format: a line for the envelope, then for each item a line about it and its payload."""
    events = []
    for request in receiver.requests:
        assert request.path.startswith("/api/42/envelope/")
        _, *lines = request.content.splitlines()
        for about, payload in zip(lines[::2], lines[1::2], strict=True):
            assert json.loads(about)["type"] == "event"
            events.append(json.loads(payload))
    return events


def spans(receiver: Receiver) -> list[Span]:
    found = []
    for request in receiver.requests:
        assert (request.path, request.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
        told = ExportTraceServiceRequest.FromString(request.content)
        found += [span for each in told.resource_spans for scope in each.scope_spans for span in scope.spans]
    return found


def attributes(span: Span) -> dict[str, str | int | Sequence[str]]:
    told: dict[str, str | int | Sequence[str]] = {}
    for each in span.attributes:
        match each.value.WhichOneof("value"):
            case "array_value":
                told[each.key] = [item.string_value for item in each.value.array_value.values]
            case "int_value":
                told[each.key] = each.value.int_value
            case _:
                told[each.key] = each.value.string_value
    return told
