"""An event loop without time or network: the seed chooses which ready step runs next, and time jumps when none is.

A process that is killed just never runs again. Neither ``except`` nor ``finally`` of its code is entered, as they are
not after ``kill -9``; cancelling its tasks would be a graceful end and hide defects.
"""

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from random import Random
from typing import Any
from warnings import catch_warnings, simplefilter


class Life:
    """One life of one process, from its start to its death; ``steps`` is how often the loop has run it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.steps = 0


LIFE: ContextVar[Life | None] = ContextVar("life", default=None)
"""Whose code runs; None for customers, operators and the gateway, who never die."""

MOST_CLOSINGS = 20


class EverythingWaits(Exception):
    """Nothing is ready, and nothing ever will be."""


class TooManySteps(Exception):
    """The world does not come to rest."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """``before_step`` may kill the life whose step is about to run."""

    def __init__(self, random: Random, before_step: Callable[[Life], None], *, most_steps: int) -> None:
        super().__init__()
        self.steps = 0
        self.unhandled: list[str] = []
        self._random = random
        self._before_step = before_step
        self._most_steps = most_steps
        self._time = 0.0
        self._ready: list[asyncio.Handle] = []
        self._scheduled: list[asyncio.TimerHandle] = []
        self._dead: list[asyncio.Handle] = []  # collecting them would run the ``finally`` of dead code
        self._made: list[asyncio.Task[Any]] = []
        self.set_task_factory(self._make)
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self._time

    def dispose(self) -> None:
        """Let go of everything that never ended, quietly."""
        self.set_exception_handler(lambda *_: None)
        before = events._get_running_loop()  # noqa: SLF001
        events._set_running_loop(self)  # noqa: SLF001
        try:
            with catch_warnings():
                simplefilter("ignore")
                for task in self._made:
                    _close(task)
        finally:
            events._set_running_loop(before)  # noqa: SLF001
        self._dead.clear()
        self._made.clear()
        self.close()

    def _make(self, _: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **more)
        self._made.append(task)
        return task

    def _note(self, _: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        self.unhandled.append(f"{told.get('message')}: {told.get('exception')!r}")

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        while scheduled and (scheduled[0].cancelled() or scheduled[0].when() <= self._time):
            self._take_timer()
        if not ready:
            if not scheduled:
                raise EverythingWaits
            self._time = scheduled[0].when()
            return
        number = int(self._random.random() * len(ready))
        handle, ready[number] = ready[number], ready[-1]
        ready.pop()
        if not handle.cancelled():
            self._step(handle)

    def _take_timer(self) -> None:
        timer = heapq.heappop(self._scheduled)
        timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001
        if not timer.cancelled():
            self._ready.append(timer)

    def _step(self, handle: asyncio.Handle) -> None:
        self.steps += 1
        if self.steps > self._most_steps:
            raise TooManySteps
        life = handle._context.get(LIFE)  # type: ignore[attr-defined]  # noqa: SLF001
        if life is not None:
            life.steps += 1
            if life.alive:
                self._before_step(life)
            if not life.alive:
                self._dead.append(handle)
                return
        handle._run()  # noqa: SLF001

    def _process_events(self, event_list: object) -> None: ...

    def _write_to_self(self) -> None: ...


def _close(task: asyncio.Task[Any]) -> None:
    if task.done():
        return
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    coroutine = task.get_coro()
    for _ in range(MOST_CLOSINGS):
        with suppress(BaseException):
            coroutine.close()
            return
