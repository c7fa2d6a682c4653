"""An event loop without time or network: the seed chooses which ready step runs next, and time jumps when none is.

A process that is killed just never runs again. Neither ``except`` nor ``finally`` of its code is entered, as they are
not after ``kill -9``; cancelling its tasks would be a graceful end and hide defects.
"""

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
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


class _Step(asyncio.Handle):
    """As the standard library's, but without asking whether anybody debugs."""

    __slots__ = ()

    def __init__(self, callback: Callable[..., object], args: Any, loop: "SimulatedLoop", context: Context) -> None:
        self._context = context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


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
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timers_made = 0
        self._dead: list[asyncio.Handle] = []  # collecting them would run the ``finally`` of dead code
        self._made: list[asyncio.Task[Any]] = []
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self._time

    def get_debug(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        step = _Step(callback, args, self, copy_context() if context is None else context)
        self._ready.append(step)
        return step

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._time + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers_made += 1
        heapq.heappush(self._timers, (when, self._timers_made, timer))
        return timer

    def create_task(self, coro: Any, *, name: object = None, context: Context | None = None) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(
            coro, loop=self, name=None if name is None else str(name), context=context
        )
        self._made.append(task)
        return task

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

    def _note(self, _: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        self.unhandled.append(f"{told.get('message')}: {told.get('exception')!r}")

    def _run_once(self) -> None:
        """Run on until somebody stops the loop."""
        ready, timers, chance, step = self._ready, self._timers, self._random.random, self._step
        while not self._stopping:  # type: ignore[attr-defined]
            while timers and (timers[0][0] <= self._time or timers[0][2].cancelled()):
                timer = heapq.heappop(timers)[2]
                if not timer.cancelled():
                    ready.append(timer)
            if ready:
                number = int(chance() * len(ready))
                handle, ready[number] = ready[number], ready[-1]
                ready.pop()
                if not handle.cancelled():
                    step(handle)
            elif timers:
                self._time = timers[0][0]
            else:
                raise EverythingWaits

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

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None: ...

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
