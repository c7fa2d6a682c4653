"""Grouping: what is asked while an answer is awaited goes together in the next question.

Under load one question serves many askers, at rest nobody waits for anybody. Every wait is bounded: an asker whose time
is up withdraws what was not sent yet. One that is cancelled leaves behind what was sent.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from ..ports import StoreUnavailable

Q = TypeVar("Q")
A = TypeVar("A")

MOST_TOGETHER: Final = 64
"""More would make the first of them wait for the last."""

WOKEN_TOGETHER: Final = 32
"""So many askers go on at once; then the loop has a look at what else has come, such as requests to be refused."""


class _Asked(Generic[Q, A]):
    __slots__ = ("answer", "question", "until")

    def __init__(self, question: Q, answer: "asyncio.Future[A]", until: float) -> None:
        self.question = question
        self.answer = answer
        self.until = until


class Groups(Generic[Q, A]):
    """``ask`` answers questions in their order, each with an answer or an error; what it raises, all of them get.

    It is told how many seconds it has, so that nobody waits longer than ``timeout_seconds`` in all. As many groups as
    ``under_way`` may be asked at once, each after the first only where a ``crowd`` waits.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Q], float], Awaitable[Sequence[A | Exception]]],
        timeout_seconds: float,
        *,
        most: int = MOST_TOGETHER,
        under_way: int = 1,
        crowd: int = 1,
    ) -> None:
        self._ask = ask
        self._timeout_seconds = timeout_seconds
        self._most = most
        self._most_under_way = under_way
        self._under_way = 0
        self._crowd = crowd
        self._waiting: deque[_Asked[Q, A]] = deque()
        self._rounds: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """The answer.

        Raises:
            StoreUnavailable: it was not sent in time, and will not be.
            Exception: what it was answered with.
        """
        loop = asyncio.get_running_loop()
        asked: _Asked[Q, A] = _Asked(question, loop.create_future(), loop.time() + self._timeout_seconds)
        self._waiting.append(asked)
        self._begin()
        return await asked.answer

    async def close(self) -> None:
        """Let what was asked be answered."""
        while self._rounds:
            await asyncio.wait(self._rounds)

    def _begin(self) -> None:
        enough = self._crowd if self._under_way else 1
        if self._under_way < self._most_under_way and len(self._waiting) >= enough:
            self._under_way += 1
            # A task begins in the loop's next turn: whoever asks in this one still goes with it.
            task = asyncio.get_running_loop().create_task(self._round())
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)

    async def _round(self) -> None:
        now = asyncio.get_running_loop().time()
        asked = self._take(now)
        try:
            if asked:
                answers = await self._ask([each.question for each in asked], asked[0].until - now)
                for number, (each, answer) in enumerate(zip(asked, answers, strict=True), start=1):
                    _deliver(each, answer)
                    if number % WOKEN_TOGETHER == 0:
                        await asyncio.sleep(0)
        except Exception as exc:  # noqa: BLE001 - it belongs to the askers
            for each in asked:
                _deliver(each, exc)
        finally:
            for each in asked:
                each.answer.cancel()  # only where the round itself was cancelled
            self._under_way -= 1
            self._begin()

    def _take(self, now: float) -> list[_Asked[Q, A]]:
        asked: list[_Asked[Q, A]] = []
        while self._waiting and len(asked) < self._most:
            each = self._waiting.popleft()
            if now >= each.until:
                _deliver(each, StoreUnavailable(f"the store was busy for {self._timeout_seconds:g} s"))
            elif not each.answer.done():
                asked.append(each)
        return asked


def _deliver(asked: _Asked[Q, A], answer: A | Exception) -> None:
    if asked.answer.done():  # its asker was cancelled or gave up
        return
    if isinstance(answer, Exception):
        asked.answer.set_exception(answer)
    else:
        asked.answer.set_result(answer)
