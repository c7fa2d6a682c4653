"""How rounds of jobs are done on a SQLite file: writes together in one transaction, reads one by one.

**Group commit.** The cost of a durable write is the flush at commit, and one flush serves any number of writes that
wait. No caller gets an answer before the commit has returned. A round of nothing but row writes is one statement that
commits by itself (``sqlite_row_writes.py``), any other a transaction. One write that fails spoils no other: each job
changes data in a single statement, which SQLite undoes by itself when it fails (sqlite.org/lang_conflict.html), or
gives up the whole transaction (``all_or_nothing``); and when that is lost, its jobs are tried one by one.

**What an error means.** Before the commit nothing is written for certain: StoreUnavailable. An error of the commit, or
of a statement that commits by itself, says so only by its code (``NOTHING_WRITTEN``); any other says nothing: a commit
that returned "disk I/O error" was seen to be there after reopening, so it is StoreOutcomeUnknown. Either way the
connection is dropped, and the next round opens a new one, which recovers what the file holds.
"""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from ..ports import StoreOutcomeUnknown, StoreUnavailable
from .job_thread import Job, fail
from .sqlite_file import ONE_STATEMENTS_FAULT, SqliteLink, error_code, is_busy, what_to_do
from .sqlite_row_writes import ROW_WORK, NotAsUsual, RowWork, RowWrite, decided, write_rows

log = logging.getLogger(__name__)

Jobs: TypeAlias = Sequence[Job[sqlite3.Connection]]

NOTHING_WRITTEN: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Errors that come before the log holds the whole commit: of reading the file, or of a log that cannot grow."""


class Writes:
    def __init__(self, path: Path, link: SqliteLink) -> None:
        self._path = path
        self._link = link
        self._connection: sqlite3.Connection
        self._was_busy = False

    def begin(self) -> bool:
        """Open the file; and take the lock, where another process had it last time, before any job is claimed."""
        try:
            self._connection = self._link.connection()
        except (sqlite3.Error, OSError) as exc:
            if is_busy(exc):
                return False
            self._link.drop()
            raise unavailable(self._path, exc) from exc
        return not self._was_busy or self._lock()

    def run(self, jobs: list[Job[sqlite3.Connection]]) -> bool:
        together = True
        if not self._connection.in_transaction:
            try:
                if self._commit_rows(jobs):
                    return True
            except NotAsUsual:
                together = False
            if not self._lock():
                return False
        self._transact(jobs, together=together)
        return True

    def close(self) -> None:
        self._link.drop()

    def _lock(self) -> bool:
        """Begin a transaction. One that only asks for the lock later fails when another was quicker."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as exc:
            self._was_busy = is_busy(exc)
            if self._was_busy:
                return False
            self._link.drop()
            raise unavailable(self._path, exc) from exc
        self._was_busy = False
        return True

    def _commit_rows(self, jobs: Jobs) -> bool:
        """Do the jobs in one statement; False if it takes a transaction, or another process has the lock.

        Raises:
            NotAsUsual
        """
        works = _row_works(jobs)
        if not jobs or len(works) < len(jobs):
            return False
        is_writing = False
        try:
            writes = decided(self._connection, works)
            is_writing = True
            write_rows(self._connection, writes)
            self._link.check_identity()
        except (sqlite3.Error, OSError) as exc:
            if is_busy(exc):
                return False
            if is_writing:
                self._lose(jobs, exc)
            else:
                self._start_over(jobs, exc)
            return True
        _settle(jobs, writes)
        return True

    def _transact(self, jobs: Jobs, *, together: bool) -> None:
        """Do the jobs in the transaction that was begun, and commit it; row writes ``together`` if they can be."""
        changes_before = self._connection.total_changes
        try:
            for job in self._without_rows(jobs) if together else jobs:
                _do(job, self._connection, self._path)
        except sqlite3.Error as exc:
            self._start_over(jobs, exc)
            return
        something_changed = self._connection.total_changes > changes_before
        try:
            self._connection.execute("COMMIT")
            self._link.check_identity()
        except (sqlite3.Error, OSError) as exc:
            self._lose(jobs, exc, something_changed=something_changed)

    def _without_rows(self, jobs: Jobs) -> Jobs:
        """Do the row writes among the jobs in one statement, if they are several; returns the jobs still to be done."""
        works = _row_works(jobs)
        if len(works) < 2:
            return jobs
        try:
            writes = decided(self._connection, works)
            write_rows(self._connection, writes)
        except NotAsUsual:
            return jobs
        _settle([job for job in jobs if isinstance(job.work, ROW_WORK)], writes)
        return [job for job in jobs if not isinstance(job.work, ROW_WORK)]

    def _lose(self, jobs: Jobs, exc: Exception, *, something_changed: bool = True) -> None:
        """The commit failed."""
        if error_code(exc) in NOTHING_WRITTEN:
            self._start_over(jobs, exc)
            return
        log.warning("a commit to %s failed; whether its %d writes landed is unknown: %s", self._path, len(jobs), exc)
        self._link.drop()
        outcome = StoreOutcomeUnknown if something_changed else StoreUnavailable
        fail(jobs, outcome(f"commit to {self._path}: {exc}"))

    def _start_over(self, jobs: Jobs, exc: Exception) -> None:
        """The transaction is lost with nothing written: the jobs share no fate, so each is tried by itself."""
        log.warning("a write to %s failed before it was committed: %s", self._path, exc)
        self._link.drop()
        if len(jobs) == 1:
            fail(jobs, unavailable(self._path, exc))
            return
        for job in jobs:
            try:
                if self.begin() and (self._connection.in_transaction or self._lock()):
                    self._transact([job], together=False)
                else:
                    fail([job], unavailable(self._path, "locked by another process"))
            except StoreUnavailable as why:
                fail([job], why)


class Reads:
    """Each read sees the newest commit at the time that it runs; none waits for a writer's flush."""

    def __init__(self, path: Path, link: SqliteLink) -> None:
        self._path = path
        self._link = link

    def begin(self) -> bool:
        try:
            self._link.connection()
        except (sqlite3.Error, OSError) as exc:
            self._link.drop()
            raise unavailable(self._path, exc) from exc
        return True

    def run(self, jobs: list[Job[sqlite3.Connection]]) -> bool:
        for job in jobs:
            try:
                _do(job, self._link.connection(), self._path)
            except (sqlite3.Error, OSError) as exc:
                self._link.drop()
                fail([job], unavailable(self._path, exc))
        return True

    def close(self) -> None:
        self._link.drop()


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """For a statement after one that has changed data in the same job: when it fails, the whole transaction is lost.

    A savepoint would undo this job alone, and costs every job a fifth more.
    """
    try:
        yield
    except ONE_STATEMENTS_FAULT as exc:
        raise sqlite3.OperationalError(str(exc)) from exc


def unavailable(path: Path, why: BaseException | str) -> StoreUnavailable:
    return StoreUnavailable(f"{path}: {why}", "" if isinstance(why, str) else what_to_do(path, why))


def _row_works(jobs: Jobs) -> list[RowWork[object]]:
    return [job.work for job in jobs if isinstance(job.work, ROW_WORK)]


def _settle(jobs: Jobs, writes: Sequence[RowWrite[object] | None]) -> None:
    """The jobs' writes were made."""
    for job, write in zip(jobs, writes, strict=True):
        job.settle(None if write is None else write.answer)


def _do(job: Job[sqlite3.Connection], connection: sqlite3.Connection, path: Path) -> None:
    """Run one job; what is wrong with it alone stays with it.

    Raises:
        sqlite3.Error: something is wrong with the file or the transaction.
    """
    try:
        job.do(connection)
    except ONE_STATEMENTS_FAULT as exc:
        job.error = unavailable(path, exc)
    except sqlite3.Error:
        raise
    except Exception as exc:  # noqa: BLE001 - it belongs to the caller, and must not end the thread
        job.error = exc
