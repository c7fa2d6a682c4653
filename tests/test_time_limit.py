"""Who waits for too long is told, and nobody else."""

import asyncio

from backend.time_limit import SOME, TimeLimit


class Waiter:
    def __init__(self) -> None:
        self.has_what_it_wanted = False
        self.gave_up = asyncio.Event()

    def is_over(self) -> bool:
        return self.has_what_it_wanted


def limit(seconds: float) -> TimeLimit[Waiter]:
    return TimeLimit(seconds, is_over=Waiter.is_over, give_up=lambda waiter: waiter.gave_up.set())


async def test_whoever_waits_for_too_long_gives_up() -> None:
    short = limit(0.01)
    first, second = Waiter(), Waiter()
    short.begin(first)
    short.begin(second)
    await first.gave_up.wait()
    await second.gave_up.wait()


async def test_whoever_is_over_does_not_and_does_not_keep_the_next_from_it() -> None:
    short = limit(0.01)
    done, done_later, waiting = Waiter(), Waiter(), Waiter()
    short.begin(done)
    done.has_what_it_wanted = True
    short.begin(done_later)
    short.begin(waiting)
    done_later.has_what_it_wanted = True
    await waiting.gave_up.wait()
    assert not done.gave_up.is_set()
    assert not done_later.gave_up.is_set()


async def test_each_has_its_own_time() -> None:
    """The alarm that the first has set tells one that came later only when that one's time is up."""
    loop, short = asyncio.get_running_loop(), limit(0.05)
    first, later = Waiter(), Waiter()
    short.begin(first)
    loop.call_later(0.03, short.begin, later)
    await first.gave_up.wait()
    assert not later.gave_up.is_set()
    await later.gave_up.wait()


async def test_one_that_waits_for_long_does_not_have_all_others_be_remembered() -> None:
    long, slow, last = limit(60), Waiter(), Waiter()
    long.begin(slow)
    for _ in range(3 * SOME):
        quick = Waiter()
        long.begin(quick)
        quick.has_what_it_wanted = True
    assert len(long) <= SOME + 1
    long.begin(last)
    waiting = [Waiter() for _ in range(3 * SOME)]
    for each in waiting:
        long.begin(each)
    assert len(long) >= len(waiting) + 2


def test_in_a_new_loop_it_works_anew() -> None:
    short = limit(0.01)

    async def left_waiting() -> None:
        short.begin(Waiter())

    async def waits() -> None:
        waiter = Waiter()
        short.begin(waiter)
        await waiter.gave_up.wait()

    asyncio.run(left_waiting())
    asyncio.run(waits())
