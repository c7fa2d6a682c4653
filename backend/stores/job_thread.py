"""One thread that does a blocking resource's work for an event loop, many jobs at a time.

Jobs wait in a queue until the thread is free, and are then done together, which is what makes group commit possible.
All answers of a round return to the loop in one call, as waking it costs more than a small write. Every wait is
bounded: a caller whose time is up withdraws its job if the thread has not claimed it yet, and so does one that is
cancelled.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Final, Generic, Protocol, TypeVar, cast

from ..ports import StoreError, StoreUnavailable
from ..time_limit import TimeLimit

log = logging.getLogger(__name__)

R = TypeVar("R")
"""The resource that jobs work on."""
T = TypeVar("T")

MOST_AT_ONCE: Final = 64
"""Jobs in one round: more would make the first of them wait for the last."""


class Job(Generic[R]):
    """One piece of work and its answer. Whoever claims it first, thread or caller, decides whether it is done."""

    __slots__ = ("_claim", "answer", "error", "future", "work")

    def __init__(self, work: Callable[[R], object], future: "asyncio.Future[object]") -> None:
        self.work = work
        self._claim = Lock()
        self.future = future
        self.answer: object = None
        self.error: Exception | None = None

    def claim(self) -> bool:
        """Whether it is the claimer's to do or to withdraw: nobody was quicker, and its caller still waits."""
        return not self.is_answered() and self._claim.acquire(blocking=False)

    def give_back(self) -> None:
        """Undo ``claim``."""
        self._claim.release()

    @property
    def is_claimed(self) -> bool:
        return self._claim.locked()

    def is_answered(self) -> bool:
        """Or its caller waits no more."""
        return self.future.done()

    def do(self, resource: R) -> None:
        self.settle(self.work(resource))

    def settle(self, answer: object) -> None:
        self.answer, self.error = answer, None

    def deliver(self) -> None:
        """Hand over the answer; in the event loop."""
        if self.is_answered():
            return
        if self.error is None:
            self.future.set_result(self.answer)
        else:
            self.future.set_exception(self.error)


class Runner(Protocol[R]):
    """How a round of jobs is done. All methods are called in the thread."""

    def begin(self) -> bool:
        """Make ready for a round; False if the resource is busy and the jobs shall go on waiting.

        Raises:
            StoreError: why no job can be done now.
        """

    def run(self, jobs: list[Job[R]]) -> bool:
        """Do the claimed jobs, leaving an answer or an error in each. The list may be empty.

        False, and nothing done, if the resource turned out to be busy and the jobs shall go on waiting.

        Raises:
            StoreError: why none of them was done.
        """

    def close(self) -> None:
        """Let go of the resource; ``begin`` takes it again."""


class JobThread(Generic[R]):
    """Runs the thread; belongs to the event loop that started it.

    ``too_late`` is what a job that was begun raises when no answer comes in time.
    """

    def __init__(self, name: str, runner: Runner[R], timeout_seconds: float, too_late: type[StoreError]) -> None:
        self._name = name
        self._too_late = too_late
        self._runner = runner
        self._timeout_seconds = timeout_seconds
        self._queue: SimpleQueue[Job[R] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        self._limit: TimeLimit[Job[R]] = TimeLimit(timeout_seconds, is_over=Job.is_answered, give_up=self._give_up)
        # A daemon, so that a disk that hangs for ever cannot keep the process from ending.
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[R], T]) -> T:
        """Have ``work`` done in the thread.

        Raises:
            StoreUnavailable: it was not begun in time, and will not be.
            StoreError: it was begun, and no answer came in time (``too_late``).
        """
        if self._closing:
            raise StoreUnavailable(f"the {self._name} is closed")
        job = Job(work, self._loop.create_future())
        self._limit.begin(job)
        self._queue.put(job)
        return cast(T, await job.future)

    async def close(self) -> None:
        """Let the jobs that wait be done, and end the thread."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await asyncio.shield(self._ended)
        except TimeoutError:
            raise StoreUnavailable(f"the {self._name} did not end within {self._timeout_seconds:g} s") from None
        self._thread.join()

    def _give_up(self, job: Job[R]) -> None:
        if job.claim():
            job.error = StoreUnavailable(f"the {self._name} was busy for {self._timeout_seconds:g} s")
            job.deliver()
        elif not job.is_answered():
            job.future.set_exception(self._too_late(f"the {self._name} gave no answer in {self._timeout_seconds:g} s"))

    # --- in the thread ---

    def _serve(self) -> None:
        _yield_to_the_loop()
        waiting: list[Job[R]] = []
        try:
            while self._wait_for_jobs(waiting):
                waiting = self._round(waiting)
        finally:
            self._runner.close()
            self._in_loop(lambda: self._ended.set_result(None))

    def _wait_for_jobs(self, waiting: list[Job[R]]) -> bool:
        """Add a job, waiting for one if there is none at all; False once everything is done and no more will come."""
        while not waiting:
            job = self._queue.get()
            if job is None:
                return False
            if not job.is_claimed:  # its caller may have given up long since
                waiting.append(job)
        return True

    def _round(self, waiting: list[Job[R]]) -> list[Job[R]]:
        """Do the jobs that wait; returns those that must go on waiting."""
        jobs: list[Job[R]] = []
        try:
            if not self._runner.begin():
                return [job for job in waiting if not job.is_claimed and not job.is_answered()]
            self._add_newcomers(waiting)
            jobs += [job for job in waiting if job.claim()]
            if not self._runner.run(jobs):
                for job in jobs:
                    job.give_back()
                return jobs
        except StoreError as exc:
            jobs += [job for job in waiting if job.claim()]
            fail(jobs, exc)
        except Exception as exc:
            log.exception("the %s failed, and starts again", self._name)
            self._runner.close()
            jobs += [job for job in waiting if job.claim()]
            fail(jobs, self._too_late(f"the {self._name} failed: {exc!r}"))
        self._deliver(jobs)
        return []

    def _add_newcomers(self, waiting: list[Job[R]]) -> None:
        """Everything that came while the resource was being made ready goes in the same round."""
        try:
            while len(waiting) < MOST_AT_ONCE:
                job = self._queue.get_nowait()
                if job is None:
                    self._queue.put(None)  # for _wait_for_jobs, after this round
                    return
                waiting.append(job)
        except Empty:
            return

    def _deliver(self, jobs: list[Job[R]]) -> None:
        def deliver() -> None:
            for job in jobs:
                job.deliver()

        self._in_loop(deliver)

    def _in_loop(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            return  # the loop has ended, and with it everybody who waited


def fail(jobs: Sequence[Job[R]], exc: Exception) -> None:
    """Answer all of them with the error."""
    for job in jobs:
        job.error = exc


def _yield_to_the_loop() -> None:
    """Have the thread, when it is woken, wait for a processor rather than take the one that woke it.

    It would only wait for the interpreter there, which the event loop has until it has nothing more to do. Source:
    sched(7), "SCHED_BATCH"; where the system has no such thing, or forbids it, all goes on as usual.
    """
    batch = getattr(os, "SCHED_BATCH", None)
    if batch is not None:
        with suppress(OSError):
            os.sched_setscheduler(0, batch, os.sched_param(0))
