"""Connections to SQLite that misbehave as disks, other processes and operators do."""

import sqlite3
from threading import Event
from typing import Any


def full_disk(pages: int) -> type[sqlite3.Connection]:
    """A file that cannot grow beyond ``pages``: SQLite says "database or disk is full"."""

    class FullDisk(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            if sql == "BEGIN IMMEDIATE":
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


class HangingDisk:
    """COMMIT, or another statement, waits until ``go_on`` is set; ``reached`` tells that one does."""

    def __init__(self, statement: str = "COMMIT") -> None:
        self.go_on = Event()
        self.reached = Event()
        self._statement = statement

    def connection_class(self) -> type[sqlite3.Connection]:
        disk = self

        class Hanging(sqlite3.Connection):
            def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
                if sql == disk._statement:
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

    def connection_class(self) -> type[sqlite3.Connection]:
        statements = self.statements

        class Recorded(sqlite3.Connection):
            def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
                statements.append(sql)
                return super().execute(sql, parameters)  # type: ignore[arg-type]

        return Recorded
