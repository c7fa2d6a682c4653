"""Groups: what is asked meanwhile goes together, everybody gets an answer of their own, and no wait is without end."""

import asyncio
from collections.abc import Sequence

import pytest

from backend.ports import StoreOutcomeUnknown, StoreUnavailable
from backend.stores.groups import MOST_TOGETHER, WOKEN_TOGETHER, Groups

LIMIT = 5.0


class Server:
    """Doubles numbers, refuses negative ones, and answers a question when it is let."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.seconds: list[float] = []
        self.may_answer = asyncio.Semaphore(0)
        self.fails_with: Exception | None = None

    async def ask(self, numbers: Sequence[int], seconds: float) -> list[int | Exception]:
        self.asked.append(list(numbers))
        self.seconds.append(seconds)
        await self.may_answer.acquire()
        if self.fails_with is not None:
            raise self.fails_with
        return [2 * number if number >= 0 else ValueError(str(number)) for number in numbers]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_is_asked_meanwhile_goes_together() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT, most=3)
    first = asyncio.ensure_future(groups.ask(1))
    await turns()
    others = [asyncio.ensure_future(groups.ask(number)) for number in (2, 3, 4, 5)]
    await turns()
    for _ in range(3):
        server.may_answer.release()
    assert list(await asyncio.gather(first, *others)) == [2, 4, 6, 8, 10]
    assert server.asked == [[1], [2, 3, 4], [5]]


async def test_what_is_asked_in_one_turn_goes_together() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT)
    server.may_answer.release()
    assert list(await asyncio.gather(groups.ask(1), groups.ask(2))) == [2, 4]
    assert server.asked == [[1, 2]]


async def test_after_a_large_group_the_loop_looks_at_other_things_before_all_have_gone_on() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT)
    woken: list[int] = []
    seen: list[int] = []

    async def ask(number: int) -> None:
        await groups.ask(number)
        woken.append(number)
        asyncio.get_running_loop().call_soon(lambda: seen.append(len(woken)))

    server.may_answer.release()
    await asyncio.gather(*(ask(number) for number in range(MOST_TOGETHER)))
    await turns()
    assert seen[0] == WOKEN_TOGETHER < MOST_TOGETHER == len(woken)


async def test_several_may_be_under_way() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT, most=1, under_way=2)
    asked = [asyncio.ensure_future(groups.ask(number)) for number in (1, 2, 3)]
    await turns()
    assert server.asked == [[1], [2]]
    for _ in asked:
        server.may_answer.release()
    assert await asyncio.gather(*asked) == [2, 4, 6]


async def test_a_further_one_is_only_asked_for_a_crowd() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT, under_way=2, crowd=3)
    asked = [asyncio.ensure_future(groups.ask(1))]
    await turns()
    asked += [asyncio.ensure_future(groups.ask(number)) for number in (2, 3)]
    await turns()
    assert server.asked == [[1]]
    asked += [asyncio.ensure_future(groups.ask(number)) for number in (4, 5)]
    await turns()
    assert server.asked == [[1], [2, 3, 4, 5]]
    asked += [asyncio.ensure_future(groups.ask(number)) for number in (6, 7, 8, 9)]
    await turns()
    assert len(server.asked) == 2, "no more than may be under way"
    for _ in range(3):
        server.may_answer.release()
    assert await asyncio.gather(*asked) == [2 * number for number in range(1, 10)]
    assert server.asked[2:] == [[6, 7, 8, 9]]


async def test_one_questions_error_is_its_own() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT)
    server.may_answer.release()
    answers = await asyncio.gather(groups.ask(1), groups.ask(-1), groups.ask(2), return_exceptions=True)
    assert (answers[0], str(answers[1]), answers[2]) == (2, "-1", 4)


async def test_a_round_that_fails_fails_for_all_of_it_and_nobody_else() -> None:
    server = Server()
    server.fails_with = StoreOutcomeUnknown("cut")
    groups = Groups(server.ask, LIMIT)
    server.may_answer.release()
    failed = await asyncio.gather(groups.ask(1), groups.ask(2), return_exceptions=True)
    assert [type(each) for each in failed] == [StoreOutcomeUnknown] * 2
    server.fails_with = None
    server.may_answer.release()
    assert await groups.ask(3) == 6


async def test_what_could_not_be_sent_in_time_is_not_sent() -> None:
    server = Server()
    groups = Groups(server.ask, 0.05)
    first = asyncio.ensure_future(groups.ask(1))
    await turns()
    late = asyncio.ensure_future(groups.ask(2))
    await asyncio.sleep(0.1)  # the limit is of real time
    server.may_answer.release()
    assert await first == 2
    with pytest.raises(StoreUnavailable, match="busy"):
        await late
    assert server.asked == [[1]]


async def test_the_server_is_given_no_more_time_than_the_longest_waiting_has() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT)
    first = asyncio.ensure_future(groups.ask(1))
    await turns()
    second = asyncio.ensure_future(groups.ask(2))
    await asyncio.sleep(0.05)  # of real time
    server.may_answer.release()
    server.may_answer.release()
    await asyncio.gather(first, second)
    assert server.seconds[0] > LIMIT - 0.05 >= server.seconds[1]


async def test_who_is_cancelled_is_not_asked_for_and_disturbs_nobody() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT)
    first = asyncio.ensure_future(groups.ask(1))
    await turns()
    gone, last = asyncio.ensure_future(groups.ask(2)), asyncio.ensure_future(groups.ask(3))
    await turns()
    gone.cancel()
    server.may_answer.release()
    server.may_answer.release()
    assert list(await asyncio.gather(first, last)) == [2, 6]
    assert server.asked == [[1], [3]]


async def test_closing_waits_for_the_answers() -> None:
    server = Server()
    groups = Groups(server.ask, LIMIT)
    asked = asyncio.ensure_future(groups.ask(1))
    await turns()
    closing = asyncio.ensure_future(groups.close())
    await turns()
    assert not closing.done()
    server.may_answer.release()
    await closing
    assert asked.done()
