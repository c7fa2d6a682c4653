import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from backend.domain.records import Record, RecordId
from backend.domain.terms import Mode
from backend.ports import StoreUnavailable
from backend.service import rate_limits
from backend.service.rate_limits import RateLimits, Refusal, Rule
from backend.service.sweeping import expired_records
from backend.stores.memory import MemoryDisk, MemoryStore


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class CountingStore(MemoryStore):
    def __init__(self, disk: MemoryDisk | None = None) -> None:
        super().__init__(disk)
        self.asked = 0
        self.is_away = False

    async def read_record(self, record_id: RecordId) -> Record | None:
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable("away")
        await asyncio.sleep(0)
        return await super().read_record(record_id)


class Processes:
    """Several that share a store, and a clock."""

    def __init__(self, count: int) -> None:
        self.disk, self.watch = MemoryDisk(), Watch()
        self.stores = [CountingStore(self.disk) for _ in range(count)]
        self.limits = [RateLimits(store, self.watch, Mode.MOCK) for store in self.stores]

    async def let_through(self, rule: Rule, requests: int, subject: str = "alice") -> int:
        """How many of so many requests, spread evenly and all at once, get through."""
        answers = await asyncio.gather(
            *(self.limits[n % len(self.limits)].take(rule, subject) for n in range(requests))
        )
        return answers.count(None)


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("limit", [1, 2, 7, 19])
async def test_a_small_limit_is_exact_over_all_processes(processes: int, limit: int) -> None:
    here = Processes(processes)
    assert await here.let_through(Rule("user", limit), 100) == limit


@pytest.mark.parametrize("processes", [1, 2, 4])
async def test_a_large_limit_holds_over_all_processes(processes: int) -> None:
    here, rule = Processes(processes), Rule("user", 120)
    assert await here.let_through(rule, 1000) == 120


async def test_a_process_that_was_hardly_used_adds_its_free_share_at_most() -> None:
    here, rule = Processes(4), Rule("user", 120)
    for limits in here.limits[1:]:
        for _ in range(6):
            assert await limits.take(rule, "alice") is None
    first = [await here.limits[0].take(rule, "alice") for _ in range(200)]
    assert first.count(None) == 120
    rest = [await limits.take(rule, "alice") for limits in here.limits[1:] for _ in range(50)]
    assert rest.count(None) == 0


async def test_what_was_free_of_asking_counts_when_tokens_are_nearly_out() -> None:
    here, rule = Processes(2), Rule("user", 120)
    busy, other = here.limits
    assert [await busy.take(rule, "alice") for _ in range(6 + 9 * 12)].count(None) == 114
    assert [await other.take(rule, "alice") for _ in range(50)].count(None) == 6


async def test_whoever_is_not_busy_costs_the_store_nothing_and_whoever_is_little() -> None:
    here, rule = Processes(1), Rule("user", 120)
    await here.let_through(rule, 6)
    assert here.stores[0].asked == 0
    await here.let_through(rule, 10_000)
    assert here.stores[0].asked == 11


async def test_after_the_minute_there_are_tokens_again() -> None:
    here, rule = Processes(2), Rule("user", 10)
    assert await here.let_through(rule, 50) == 10
    refusal = await here.limits[0].take(rule, "alice")
    assert refusal is not None
    here.watch.time += timedelta(seconds=refusal.retry_after_seconds + 1)
    assert await here.let_through(rule, 50) == 10


async def test_a_refusal_says_when_to_come_back_within_the_minute() -> None:
    here, rule = Processes(1), Rule("user", 1)
    moments = set()
    for n in range(50):
        assert await here.limits[0].take(rule, f"user {n}") is None
        refusal = await here.limits[0].take(rule, f"user {n}")
        assert isinstance(refusal, Refusal)
        assert 1 <= refusal.retry_after_seconds <= 60
        moments.add(refusal.retry_after_seconds)
    assert len(moments) > 10, "not everybody comes back at once"


async def test_subjects_and_rules_are_counted_apart() -> None:
    here = Processes(1)
    for rule in (Rule("user", 1), Rule("address", 1)):
        for subject in ("alice", "bob"):
            assert await here.let_through(rule, 5, subject) == 1


async def test_no_limit_is_none() -> None:
    here = Processes(1)
    assert await here.let_through(Rule("user", 0), 1000) == 1000
    assert here.stores[0].asked == 0


async def test_without_the_store_nobody_is_turned_away() -> None:
    here, rule = Processes(1), Rule("user", 10)
    here.stores[0].is_away = True
    assert await here.let_through(rule, 100) == 100
    assert here.stores[0].asked <= 100
    here.stores[0].is_away = False
    here.watch.time += timedelta(minutes=2)
    assert await here.let_through(rule, 100) == 10


async def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MOST_SUBJECTS", 3)
    here, rule = Processes(1), Rule("user", 5)
    for n in range(10):
        assert await here.let_through(rule, 9, f"user {n}") == 5
    assert await here.let_through(rule, 9, "user 0") == 0, "what was forgotten here the store still knows"


async def test_records_name_nobody_and_are_swept_once_they_are_over() -> None:
    here = Processes(1)
    await here.let_through(Rule("address", 2), 5, "203.0.113.7")
    (record,) = here.disk.records.values()
    assert "203.0.113.7" not in record.id + record.text
    sweeping = expired_records(here.stores[0], here.watch)
    assert await sweeping.run_due() == 0
    here.watch.time += timedelta(minutes=2, seconds=1)
    assert await sweeping.run_due() == 1
    assert not here.disk.records
    assert await sweeping.run_due() == 0
