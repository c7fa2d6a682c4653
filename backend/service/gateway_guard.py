"""One lock-out for all processes that use a gateway account, and over restarts: a record in the store.

Each adapter stops itself after two refusals; here the refusals of all of them are counted together, the calls of all
stopped, and resumed for all by an operator. A refusal is recorded before its caller learns of it, so a process that
dies right after loses nothing. The others notice within a poll: until then each may be refused once more, not twice.

Without the store nothing is shared, and each adapter's own count holds.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from msgspec.structs import asdict

from ..domain.facts import JobSnapshot
from ..domain.lock_out import LockOut, answered, refused, resumed
from ..domain.records import Record, RecordId
from ..ports import (
    Cancelled,
    Clock,
    DocumentUnreadable,
    Done,
    NoSuchJob,
    OrderStore,
    PaymentGateway,
    Redirect,
    StoreError,
    StoreUnavailable,
    Waiting,
)
from .guarded_gateway import GuardedGateway
from .unknown_statuses import UnknownStatuses

log = logging.getLogger(__name__)

MOST_ROUNDS: Final = 20
DIGITS_OF_ACCOUNT: Final = 16
TOOK_CREDENTIALS: Final = (Redirect, Cancelled, JobSnapshot, NoSuchJob, Done, Waiting)


class GatewayGuard:
    """``gateways`` are to be used instead of those that were given."""

    def __init__(self, gateways: Mapping[str, PaymentGateway], store: OrderStore, clock: Clock) -> None:
        self._inner = gateways
        self._store = store
        self._clock = clock
        self._known: dict[str, LockOut] = {}
        self._counted = dict.fromkeys(gateways, 0)
        """How many of an adapter's refusals in a row are in the record already."""
        self.unknown_statuses = UnknownStatuses()
        self.gateways: Mapping[str, PaymentGateway] = {
            name: GuardedGateway(gateway, partial(self._note, name)) for name, gateway in gateways.items()
        }

    async def refresh(self) -> int:
        """Take over what other processes found; a batch of the background work, and run once before the first call."""
        for name in self._inner:
            try:
                await self._count_refusals(name)
                record = await self._store.read_record(self._record_id(name))
                self._take_over(name, _state(record))
            except StoreError as exc:
                log.warning("what other processes know of gateway %s is not known: %s", name, exc)
        return 0

    async def resume(self, name: str, by: str) -> str | None:
        """Have every process call the gateway again; returns why it is not called, if so.

        Raises:
            StoreError: nobody else may have heard of it.
        """
        self._take_over(name, await self._change(name, lambda state: resumed(state, by)))
        return self._inner[name].refusal()

    async def _note(self, name: str, outcome: object) -> None:
        """Record what an answer says of the credentials, if it says anything new."""
        if isinstance(outcome, JobSnapshot):
            self.unknown_statuses.note(name, outcome)
        try:
            if isinstance(outcome, TOOK_CREDENTIALS):
                self._counted[name] = min(self._counted[name], self._inner[name].auth_refusals())
                if self._known.get(name, LockOut()).refusals:
                    self._take_over(name, await self._change(name, answered))
            else:
                await self._count_refusals(name)
        except StoreError as exc:
            log.warning("other processes are not told of gateway %s's answer yet: %s", name, exc)

    async def _count_refusals(self, name: str) -> None:
        refusals, counted = self._inner[name].auth_refusals(), self._counted[name]
        self._counted[name] = refusals  # before any wait, so that no refusal is counted twice
        if refusals <= counted:
            return
        try:
            now = self._clock.now()
            times, has_stopped = refusals - counted, self._inner[name].refusal() is not None
            state = await self._change(name, lambda state: refused(state, times, now, closes=has_stopped))
        except StoreError:
            self._counted[name] = counted
            raise
        self._take_over(name, state)

    def _take_over(self, name: str, state: LockOut) -> None:
        gateway, before = self._inner[name], self._known.get(name, state)
        self._known[name] = state
        if state.resumed > before.resumed and not state.is_closed:
            gateway.resume()
            self._counted[name] = gateway.auth_refusals()
            log.warning("operator %s had gateway %s called again", state.resumed_by, name)
        if state.is_closed and gateway.refusal() is None:
            gateway.suspend(_reason(name, state))
            log.error(_reason(name, state))

    async def _change(self, name: str, decide: Callable[[LockOut], LockOut]) -> LockOut:
        record_id = self._record_id(name)
        for _ in range(MOST_ROUNDS):
            record = await self._store.read_record(record_id)
            state = _state(record)
            changed = decide(state)
            version = record.version if record is not None else 0
            if changed == state or await self._store.write_record(
                Record(record_id, _text(changed), version=version + 1), version
            ):
                return changed
        raise StoreUnavailable(f"{record_id} was changed by others {MOST_ROUNDS} times in a row")

    def _record_id(self, name: str) -> RecordId:
        return RecordId(f"guard/{name}/{self._inner[name].account[:DIGITS_OF_ACCOUNT]}")


def _reason(name: str, state: LockOut) -> str:
    at = f"{state.refused_at:%Y-%m-%d %H:%M} UTC" if state.refused_at is not None else "some time ago"
    return (
        f"gateway {name} refused our credentials {state.refusals} times in a row, last at {at}, so no process calls "
        "it any more, lest it lock the account: check its settings, then resume"
    )


def _text(state: LockOut) -> str:
    refused_at = state.refused_at.isoformat() if state.refused_at is not None else None
    return json.dumps(asdict(state) | {"refused_at": refused_at})


def _state(record: Record | None) -> LockOut:
    """Members that a later version added are passed over: they concern nobody's calls.

    Raises:
        DocumentUnreadable: nobody here wrote it.
    """
    if record is None:
        return LockOut()
    try:
        told = json.loads(record.text)
        at = told["refused_at"]
        return LockOut(
            refusals=int(told["refusals"]),
            refused_at=datetime.fromisoformat(at) if at is not None else None,
            resumed=int(told["resumed"]),
            resumed_by=str(told["resumed_by"]),
        )
    except (ValueError, TypeError, KeyError) as exc:
        raise DocumentUnreadable(record.id, type(exc).__name__) from exc
