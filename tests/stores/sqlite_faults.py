"""Connections to SQLite that misbehave as disks, other processes and operators do."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Condition, Event
from typing import Any

from backend.ports import OrderStore
from backend.stores.sqlite_order_rows import GET
from tests.contracts.examples import an_order
from tests.contracts.faults import begins, commits


def full_disk(pages: int) -> type[sqlite3.Connection]:
    """A file that cannot grow beyond ``pages``: SQLite says "database or disk is full"."""

    class FullDisk(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            if begins(self, sql):
                super().execute(f"PRAGMA max_page_count={pages}")
            return super().execute(sql, parameters)  # type: ignore[arg-type]

    return FullDisk


def refused(statement: str, value: object) -> type[sqlite3.Connection]:
    """A statement like this one that is given ``value`` fails as what breaks a rule of its table does."""

    class Refused(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if statement in sql and value in parameters:
                raise sqlite3.IntegrityError("refused")
            return super().execute(sql, parameters)

    return Refused


def unreadable(order_id: str) -> type[sqlite3.Connection]:
    """A file of which the page with this order cannot be read."""

    class Unreadable(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql == GET and order_id in parameters:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
                raise error
            return super().execute(sql, parameters)

    return Unreadable


class HangingDisk:
    """Once ``go_on`` is cleared, a commit waits until it is set; ``reached`` tells that one does."""

    def __init__(self) -> None:
        self.go_on = Event()
        self.go_on.set()
        self.reached = Event()

    @asynccontextmanager
    async def hanging(self, store: OrderStore) -> AsyncIterator["asyncio.Task[bool]"]:
        """Meanwhile the store's writer is at a write, which is given, so what is asked for waits and goes together."""
        self.go_on.clear()
        self.reached.clear()
        write = asyncio.create_task(store.insert(an_order("BEFORE-ALL")))
        await asyncio.to_thread(self.reached.wait)
        yield write
        await asyncio.sleep(0)  # let the tasks hand their writes in
        self.go_on.set()
        assert await write

    def connection_class(self) -> type[sqlite3.Connection]:
        disk = self

        class Hanging(sqlite3.Connection):
            def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
                if commits(self, sql):
                    disk.wait()
                return super().execute(sql, parameters)  # type: ignore[arg-type]

        return Hanging

    def wait(self) -> None:
        self.reached.set()
        self.go_on.wait()


class Recorder:
    """Keeps what was executed, in all connections."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self._is_new = Condition()

    def connection_class(self) -> type[sqlite3.Connection]:
        recorder = self

        class Recorded(sqlite3.Connection):
            def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
                recorder.note(sql)
                return super().execute(sql, parameters)  # type: ignore[arg-type]

        return Recorded

    def note(self, sql: str) -> None:
        with self._is_new:
            self.statements.append(sql)
            self._is_new.notify_all()

    def wait_for(self, sql: str) -> None:
        """Block until this was executed."""
        with self._is_new:
            assert self._is_new.wait_for(lambda: sql in self.statements, timeout=10), sql
