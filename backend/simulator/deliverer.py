"""Sends webhooks in the background, at once and then again and again, until they are acknowledged.

It sleeps until the next thing is due and wakes early when something is queued or the clock is moved. Delivery is
at least once and in no promised order: a process that dies during an attempt leaves it to be repeated.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import httpx

from .clock import Clock
from .notices import Attempt, acknowledges, next_attempt_at
from .outbox import Entry, Outbox

log = logging.getLogger(__name__)

ATTEMPT_SECONDS: Final = 15.0
AT_ONCE: Final = 32
LONGEST_SLEEP_SECONDS: Final = 3600.0
LOOK_AROUND_SECONDS: Final = 2.0
"""How often to look for what other processes left behind, where the ledger is shared."""
KEPT_ANSWER: Final = 500


class Deliverer:
    def __init__(
        self, outbox: Outbox, clock: Clock, client: httpx.AsyncClient, *, housekeeping: Callable[[], datetime | None],
        shared: bool,
    ) -> None:  # fmt: skip
        """``housekeeping`` does what time alone brings about and returns when it is next needed."""
        self._outbox = outbox
        self._clock = clock
        self._client = client
        self._housekeeping = housekeeping
        self._longest_sleep = LOOK_AROUND_SECONDS if shared else LONGEST_SLEEP_SECONDS
        self._wake = asyncio.Event()
        self._under_way = 0
        self._landed = asyncio.Event()

    def use(self, client: httpx.AsyncClient) -> None:
        self._client = client

    def wake(self) -> None:
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the context lasts; what is under way at its end is left for the next run."""
        loop = asyncio.create_task(self._run())
        loop.add_done_callback(_tell_of_failure)
        try:
            yield
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)

    async def deliver_due(self) -> None:
        """Attempt everything that is due now, and wait for what is already under way; for tests and buttons."""
        self._housekeeping()
        while entries := self._outbox.claim_due(self._clock.now(), AT_ONCE):
            self._under_way += len(entries)
            async with asyncio.TaskGroup() as tasks:
                for entry in entries:
                    tasks.create_task(self._attempt(entry))
        while self._under_way:
            self._landed.clear()
            await self._landed.wait()

    async def deliver_now(self, number: int) -> None:
        """Attempt one webhook whatever its state, and wait for the answer."""
        entry = self._outbox.claim(number)
        self._under_way += 1
        await self._attempt(entry)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as attempts:  # cancelled as a whole when this loop is
            while True:
                self._wake.clear()
                try:
                    due = self._start_due(attempts)
                except sqlite3.Error as exc:  # the file is busy or out of space: what is due stays due
                    log.warning("the simulator's ledger does not answer: %s", exc)
                    due = self._clock.now() + timedelta(seconds=LOOK_AROUND_SECONDS)
                await self._sleep_until(due)

    def _start_due(self, attempts: asyncio.TaskGroup) -> datetime | None:
        """Begin an attempt at everything that is due; returns when there is more to do."""
        house_due = self._housekeeping()
        for entry in self._outbox.claim_due(self._clock.now(), AT_ONCE - self._under_way):
            self._under_way += 1
            attempts.create_task(self._attempt(entry))
        return _earlier(house_due, self._outbox.next_due())

    async def _sleep_until(self, due: datetime | None) -> None:
        seconds = self._longest_sleep
        if due is not None and self._under_way < AT_ONCE:
            seconds = min(seconds, max(0.0, (due - self._clock.now()).total_seconds()))
        waits = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(self._clock.wait_for_move(seconds))]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _attempt(self, entry: Entry) -> None:
        try:
            status, answer = await self._post(entry)
            now = self._clock.now()
            acknowledged = status is not None and acknowledges(entry.notice, status, answer)
            shown = answer[:KEPT_ANSWER].decode(errors="replace")
            attempt = Attempt(now, status, shown, acknowledged)
            self._outbox.record(entry.id, attempt, next_attempt_at(entry.notice.at, now))
        except sqlite3.Error as exc:  # the claim runs out, and the webhook is sent again
            log.warning("webhook %d was sent, and its answer could not be noted: %s", entry.id, exc)
        except asyncio.CancelledError:
            self._outbox.release(entry.id)
            raise
        finally:
            self._under_way -= 1
            self._landed.set()
            self._wake.set()

    async def _post(self, entry: Entry) -> tuple[int | None, bytes]:
        notice = entry.notice
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                response = await self._client.post(
                    notice.url, content=notice.body.encode(), headers=dict(notice.headers), follow_redirects=False
                )
        except TimeoutError:
            return None, b"no answer in time"
        except Exception as exc:  # noqa: BLE001 a receiver wired in process raises its own exceptions through the client
            return None, f"{type(exc).__name__}: {exc}".encode()
        return response.status_code, response.content


def _tell_of_failure(loop: asyncio.Task[None]) -> None:
    if not loop.cancelled() and (failure := loop.exception()) is not None:
        log.error("no more webhooks are delivered", exc_info=failure)


def _earlier(left: datetime | None, right: datetime | None) -> datetime | None:
    return min(left, right) if left and right else left or right
