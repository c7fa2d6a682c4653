"""What the work at hand is about: request, trace, order and payments, for log lines and for the call to a gateway.

Kept in a context variable, so each request and each task of the background work has its own. Every layer may use it;
nothing is decided by it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final

from .names import new_name

TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
NOTHING: Final = "0"


@dataclass(frozen=True, slots=True)
class Followed:
    """``trace`` and ``span`` are W3C trace context's; ``flags`` is "01" where the caller records the trace."""

    request: str = ""
    trace: str = ""
    span: str = ""
    flags: str = "00"
    order: str = ""
    payments: tuple[str, ...] = ()


_followed: ContextVar[Followed] = ContextVar("followed", default=Followed())  # noqa: B039 - frozen


def followed() -> Followed:
    return _followed.get()


@contextmanager
def following_request(request_id: str | None, traceparent: str | None) -> Iterator[Followed]:
    """Follow one request: under the caller's names for it if they are well formed, else under new ones."""
    named = request_id is not None and REQUEST_ID.fullmatch(request_id)
    trace, flags = _read(traceparent)
    token = _followed.set(
        Followed(
            request=request_id if named and request_id is not None else new_name(),
            trace=trace,
            span=new_name(),
            flags=flags,
        )
    )
    try:
        yield _followed.get()
    finally:
        _followed.reset(token)


def follow_order(order: str, payments: tuple[str, ...]) -> None:
    """From here on, the task at hand is about this order."""
    now = _followed.get()
    if (now.order, now.payments) != (order, payments):
        _followed.set(replace(now, order=order, payments=payments))


def traceparent() -> str:
    """The header of an outgoing call: a new span of the trace at hand, or of a new one."""
    now = _followed.get()
    return f"00-{now.trace or new_name(32)}-{new_name()}-{now.flags}"


def _read(traceparent: str | None) -> tuple[str, str]:
    """Source: W3C Trace Context, section 3.2; an id of zeros alone is none."""
    match = TRACEPARENT.fullmatch(traceparent or "")
    if match is None or not match[1].strip(NOTHING) or not match[2].strip(NOTHING):
        return new_name(32), "00"
    return match[1], match[3]
