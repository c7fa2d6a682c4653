"""The shop endpoint's health in the store, shared by all processes: one record, changed by compare-and-set."""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from ..domain.endpoint_health import WELL, EndpointHealth, after_failure, after_success, paused
from ..domain.records import Record, RecordId
from ..domain.terms import Mode
from ..ports import Clock, NotTaken, OrderStore, StoreUnavailable

log = logging.getLogger(__name__)

MOST_ROUNDS: Final = 20


class EndpointRecord:
    def __init__(self, store: OrderStore, clock: Clock, mode: Mode) -> None:
        self._store = store
        self._clock = clock
        self._id = RecordId(f"endpoint/shop/{mode}")

    async def health(self) -> EndpointHealth:
        record = await self._store.read_record(self._id)
        return _read(record.text) if record is not None else WELL

    async def note_success(self) -> None:
        await self._change(after_success)

    async def note_failure(self, answer: NotTaken) -> EndpointHealth:
        now = self._clock.now()
        return await self._change(lambda health: after_failure(health, now, answer.words, is_gone=answer.is_gone))

    async def pause(self, by: str, why: str) -> EndpointHealth:
        return await self._change(partial(_paused_once, self._clock.now(), by, why))

    async def resume(self) -> EndpointHealth:
        return await self._change(lambda _: WELL)

    async def _change(self, decide: Callable[[EndpointHealth], EndpointHealth]) -> EndpointHealth:
        """Deciding again is safe, so a write whose outcome is unknown is left to the next one."""
        for _ in range(MOST_ROUNDS):
            record = await self._store.read_record(self._id)
            before = _read(record.text) if record is not None else WELL
            after = decide(before)
            if after == before:
                return after
            version = record.version if record is not None else 0
            if await self._store.write_record(Record(self._id, _text(after), version + 1), version):
                if after.is_paused and not before.is_paused:
                    log.error("notifications to the shop are paused by %s: %s", after.paused_by, after.why)
                return after
        raise StoreUnavailable(f"the shop endpoint's record was changed by others {MOST_ROUNDS} times in a row")


def _paused_once(at: datetime, by: str, why: str, health: EndpointHealth) -> EndpointHealth:
    return health if health.is_paused else paused(health, at, by, why)


def _text(health: EndpointHealth) -> str:
    told = {"failing_since": health.failing_since, "paused_at": health.paused_at}
    times = {name: at.isoformat(timespec="microseconds") for name, at in told.items() if at is not None}
    return json.dumps({**times, "paused_by": health.paused_by, "why": health.why})


def _read(text: str) -> EndpointHealth:
    told: dict[str, Any] = json.loads(text)
    times = {name: datetime.fromisoformat(told[name]) for name in ("failing_since", "paused_at") if name in told}
    return EndpointHealth(**times, paused_by=told["paused_by"], why=told["why"])
