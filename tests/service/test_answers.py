"""Answers under idempotency keys, by the clock alone: who may work, who waits, and what is given again."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from backend.domain.records import Record
from backend.ports import StoreOutcomeUnknown
from backend.service.answers import PATIENCE, Answer, Answers, Claim, KeyOfAnotherRequest, StillInProgress
from backend.stores.memory import MemoryStore

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TOLD = Answer(200, "application/json", '{"order":1}')


class Watch:
    def __init__(self) -> None:
        self.time = NOON
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class DoubtfulStore(MemoryStore):
    """Writes a record, and then cannot say that it did."""

    async def write_record(self, record: Record, expected_version: int) -> bool:
        await super().write_record(record, expected_version)
        raise StoreOutcomeUnknown("no answer")


class Desk:
    def __init__(self, store: MemoryStore | None = None) -> None:
        self.watch = Watch()
        self.store = store or MemoryStore()
        self.answers = Answers(self.store, self.watch, claim_for=timedelta(seconds=60))

    async def claim(self, fingerprint: str = "a body") -> Claim:
        claimed = await self.answers.claim("key", fingerprint)
        assert isinstance(claimed, Claim)
        return claimed

    async def kept(self) -> Record:
        (record,) = await self.store.list_records("idempotency/", None, 10)
        return record


async def test_the_first_claims_and_whoever_comes_later_gets_its_answer() -> None:
    desk = Desk()
    await desk.answers.keep(await desk.claim(), TOLD)
    assert await desk.answers.claim("key", "a body") == TOLD
    with pytest.raises(KeyOfAnotherRequest, match="use a new key for a new request"):
        await desk.answers.claim("key", "another body")
    assert isinstance(await desk.answers.claim("another key", "another body"), Claim)
    assert desk.watch.pauses == [], "nobody had to wait"


async def test_a_claim_tells_whose_it_is_and_when_it_runs_out() -> None:
    desk = Desk()
    claim = await desk.claim()
    record = await desk.kept()
    told = json.loads(record.text)
    assert (claim.record, claim.fingerprint, told["request"]) == (record, "a body", "a body")
    assert datetime.fromisoformat(told["until"]) == NOON + timedelta(seconds=60)
    assert record.expires_at == NOON + timedelta(hours=24)


async def test_while_another_works_a_repeat_waits_longer_each_time_and_is_then_told_to_come_back() -> None:
    desk = Desk()
    await desk.claim()
    with pytest.raises(StillInProgress, match="this Idempotency-Key is still being worked on; send it again shortly"):
        await desk.answers.claim("key", "a body")
    assert desk.watch.pauses[:5] == [0.02, 0.04, 0.08, 0.16, 0.25]
    assert set(desk.watch.pauses[4:]) == {0.25}
    assert PATIENCE <= desk.watch.time - NOON < PATIENCE + timedelta(seconds=0.25)


async def test_another_body_is_refused_at_once_while_the_first_is_worked_on() -> None:
    desk = Desk()
    await desk.claim()
    with pytest.raises(KeyOfAnotherRequest):
        await desk.answers.claim("key", "another body")
    assert desk.watch.time == NOON


async def test_a_claim_that_ran_out_is_taken_over_and_its_late_answer_is_not_kept() -> None:
    desk = Desk()
    slow = await desk.claim()
    desk.watch.time += timedelta(seconds=60)
    quick = await desk.claim()
    assert quick.record.version == slow.record.version + 1
    await desk.answers.keep(quick, TOLD)
    await desk.answers.keep(slow, Answer(500, "text/plain", "late"))
    assert await desk.answers.claim("key", "a body") == TOLD


async def test_what_was_released_is_worked_on_again_under_the_same_key_and_body_only() -> None:
    desk = Desk()
    await desk.answers.release(await desk.claim())
    assert json.loads((await desk.kept()).text) == {"request": "a body"}
    with pytest.raises(KeyOfAnotherRequest):
        await desk.answers.claim("key", "another body")
    assert (await desk.claim()).record.version == 3
    assert desk.watch.pauses == []


async def test_an_answer_is_given_for_a_day_after_it_was_kept() -> None:
    desk = Desk()
    claim = await desk.claim()
    desk.watch.time += timedelta(seconds=30)
    await desk.answers.keep(claim, TOLD)
    desk.watch.time += timedelta(hours=24, microseconds=-1)
    assert await desk.answers.claim("key", "a body") == TOLD
    desk.watch.time += timedelta(microseconds=1)
    assert isinstance(await desk.answers.claim("key", "another body"), Claim)


async def test_a_claim_in_doubt_is_found_by_looking() -> None:
    desk = Desk(DoubtfulStore())
    claim = await desk.claim()
    assert claim.record == await desk.kept()
    assert len(desk.watch.pauses) == 1
