"""What the work at hand is about: request, trace, order and payments, for log lines and for the call to a gateway.

Kept in a context variable, so each request and each task of the background work has its own. Every layer may use it;
nothing is decided by it. Spans are told to a ``Tracer``, if there is one
(``observability/tracing.py``); the trace is passed on without one too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from .names import new_name

TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
NOTHING: Final = "0"

Told: TypeAlias = Mapping[str, str | int | Sequence[str]]


class Place(Struct, frozen=True):
    """A span in W3C trace context's words; ``flags`` is "01" where it is recorded."""

    trace: str
    span: str
    flags: str

    @property
    def header(self) -> str:
        return f"00-{self.trace}-{self.span}-{self.flags}"


class Span(Protocol):
    """A piece of work that somebody is told of once it has ended."""

    @property
    def place(self) -> Place: ...

    def end(self, name: str, told: Told, *, failed: bool) -> None: ...


class Tracer(Protocol):
    def begin(self, kind: Literal["server", "client"], parent: Place | None) -> Span: ...

    def close(self) -> None:
        """Tell what is still to be told, within a limit; blocks."""


class Followed(Struct, frozen=True):
    """``place`` is where in a trace a request is, None outside of requests; ``span`` the same, where it is recorded."""

    request: str = ""
    place: Place | None = None
    order: str = ""
    payments: tuple[str, ...] = ()
    tracer: Tracer | None = None
    span: Span | None = None

    @property
    def trace(self) -> str:
        return self.place.trace if self.place is not None else ""

    @property
    def references(self) -> Told:
        """By name, as far as there are any."""
        told = {"request": self.request, "trace": self.trace, "order": self.order, "payments": list(self.payments)}
        return {name: value for name, value in told.items() if value}


_followed: ContextVar[Followed] = ContextVar("followed", default=Followed())  # noqa: B039 - frozen


def followed() -> Followed:
    return _followed.get()


@contextmanager
def recording(tracer: Tracer | None) -> Iterator[None]:
    """Of tasks that are started meanwhile, ``tracer`` is told which calls they make."""
    token = _followed.set(Followed(tracer=tracer))
    try:
        yield
    finally:
        _followed.reset(token)


@contextmanager
def following_request(
    request_id: str | None, traceparent: str | None, tracer: Tracer | None = None
) -> Iterator[Followed]:
    """Follow one request: under the caller's names for it if they are well formed, else under new ones."""
    named = request_id is not None and REQUEST_ID.fullmatch(request_id)
    parent = _read(traceparent)
    span = tracer.begin("server", parent) if tracer is not None else None
    now = Followed(
        request=request_id if named and request_id is not None else new_name(),
        place=span.place if span is not None else _below(parent),
        tracer=tracer,
        span=span,
    )
    token = _followed.set(now)
    try:
        yield now
    finally:
        _followed.reset(token)


def follow_order(order: str, payments: tuple[str, ...]) -> None:
    """From here on, the task at hand is about this order."""
    now = _followed.get()
    if (now.order, now.payments) != (order, payments):
        _followed.set(Followed(now.request, now.place, order, payments, now.tracer, now.span))


class Outgoing:
    """A call to somebody else, as a part of the trace at hand, or of a new one."""

    def __init__(self) -> None:
        now = _followed.get()
        self._span = now.tracer.begin("client", now.place) if now.tracer is not None else None
        self.place = self._span.place if self._span is not None else _below(now.place)

    def end(self, name: str, told: Told, *, failed: bool) -> None:
        if self._span is not None:
            self._span.end(name, {**told, **_followed.get().references}, failed=failed)


def _below(parent: Place | None) -> Place:
    if parent is None:
        return Place(new_name() + new_name(), new_name(), "00")
    return Place(parent.trace, new_name(), parent.flags)


def _read(traceparent: str | None) -> Place | None:
    """Source: W3C Trace Context, section 3.2; an id of zeros alone is none."""
    match = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or not match[1].strip(NOTHING) or not match[2].strip(NOTHING):
        return None
    return Place(match[1], match[2], match[3])
