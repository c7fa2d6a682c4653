"""What the program reaches: the store, the gateway by signed reads, the world's clock, and itself from outside."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol, runtime_checkable

import httpx

from ..domain.endpoint_health import EndpointHealth
from ..domain.records import Record, RecordId
from ..domain.references import JobReference
from ..ports import Clock, NoSuchJob, OrderStore, PaymentGateway, StoreError, Unavailable
from .findings import Finding, note, ok, wrong

PROBE: Final = RecordId("doctor/probe")
PROBE_LIFETIME: Final = timedelta(minutes=5)
NO_SUCH_JOB: Final = JobReference("0")
MOST_SKEW_SECONDS: Final = 5
"""``Date`` headers tell whole seconds, and the answer was on its way for a moment."""
TIMEOUT_SECONDS: Final = 8


@runtime_checkable
class Indexed(Protocol):
    async def index_differences(self) -> list[str]: ...


@runtime_checkable
class Probed(Protocol):
    async def probe(self) -> str | None: ...


async def store(opened: OrderStore, clock: Clock) -> AsyncIterator[Finding]:
    try:
        await opened.ping()
        await _write(opened, clock)
    except StoreError as exc:
        yield store_failed(exc, "see that the disk has room and may be written, or that MongoDB has a primary")
        return
    yield ok("store", "was read and written")
    if isinstance(opened, Indexed):
        yield _indexes(await opened.index_differences())


def store_failed(exc: StoreError, todo: str) -> Finding:
    """``todo`` where the failure itself does not say what is to be done."""
    return wrong("store", str(exc).removesuffix(f": {exc.todo}"), exc.todo or todo)


async def _write(opened: OrderStore, clock: Clock) -> None:
    known = await opened.read_record(PROBE)
    version = known.version if known is not None else 0
    await opened.write_record(Record(PROBE, "{}", version + 1, clock.now() + PROBE_LIFETIME), version)


def _indexes(differences: Sequence[str]) -> Finding:
    if differences:
        return wrong(
            "indexes", "; ".join(differences), "drop what differs and start the program, which makes them anew"
        )
    return ok("indexes", "are all there, as declared")


async def gateway(name: str, adapter: PaymentGateway) -> Finding:
    what = f"gateway {name}"
    refusal = adapter.refusal()
    if refusal is not None:
        return wrong(what, refusal, f"correct the credentials, then restart or resume {name}")
    why = await _ask_about_nothing(adapter)
    if why is None:
        return ok(what, "took a signed read" + (" (simulated)" if adapter.notice is not None else ""))
    return wrong(what, f"did not take a signed read: {why}", "check the address, the credentials and the scheme")


def shop(address: str | None, health: EndpointHealth) -> Finding:
    """Nothing is sent: the shop is not to be surprised by an event that nobody asked for."""
    what = "notifications"
    if address is None:
        return note(
            what, "are off: the shop is told nothing", "set NOTIFICATION_URL and NOTIFICATION_SECRET to change that"
        )
    if health.is_paused:
        return wrong(
            what, f"are paused by {health.paused_by}: {health.why}", "repair it, then `backend endpoint resume`"
        )
    if health.is_failing:
        why = f"are not taken since {health.failing_since:%Y-%m-%d %H:%M} UTC: {health.why}"
        return wrong(what, why, "repair the shop's endpoint, and try it with `backend endpoint test`")
    return ok(what, f"go to {address}; try it with `backend endpoint test`")


async def _ask_about_nothing(adapter: PaymentGateway) -> str | None:
    match await adapter.retrieve_payment_job(NO_SUCH_JOB):
        case Unavailable(reason):
            return reason
        case NoSuchJob():
            return await adapter.probe() if isinstance(adapter, Probed) else None
        case _:
            return "it knows a payment job that was never made"


async def clock(url: str) -> Finding:
    """Against the gateway's clock: expiries and the midnight cut-off are its."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.head(url)
        theirs = parsedate_to_datetime(answer.headers["Date"])
    except (httpx.HTTPError, KeyError, ValueError) as exc:
        return note("clock", f"could not be compared with the gateway's ({type(exc).__name__})")
    skew = abs((datetime.now(UTC) - theirs).total_seconds())
    if skew > MOST_SKEW_SECONDS:
        said = f"is {skew:.0f} s off the gateway's"
        return wrong("clock", said, "have the machine's clock set by NTP: timedatectl set-ntp true")
    return ok("clock", "agrees with the gateway's to the second or so")


async def webhook_address(base_url: str) -> Finding:
    """Whether the public address leads here: a GET there is refused by this program in its own words."""
    url = f"{base_url}/api/webhooks/cashflows"
    todo = "start the program, and have the proxy pass /api/webhooks/ on to it; check DNS and the certificate"
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.get(url)
    except httpx.HTTPError as exc:
        return wrong("webhook address", f"{url} was not reached from here ({type(exc).__name__})", todo)
    ours = answer.headers.get("content-type", "").startswith("application/problem+json")
    if answer.status_code == httpx.codes.METHOD_NOT_ALLOWED and ours:
        return ok(
            "webhook address", f"{url} leads to this program; whether Cashflows reaches it only Cashflows can tell"
        )
    return wrong("webhook address", f"{url} is answered with {answer.status_code} by something else", todo)
