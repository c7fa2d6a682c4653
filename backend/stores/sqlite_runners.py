"""How rounds of jobs are done on a SQLite file: writes together in one transaction, reads one by one.

**Group commit.** The cost of a durable write is the flush at commit, and one flush serves any number of writes that
wait. No caller gets an answer before COMMIT has returned. One write that fails spoils no other: each job changes data
in a single statement, which SQLite undoes by itself when it fails (sqlite.org/lang_conflict.html), or gives up the
whole transaction (``all_or_nothing``); and when that is lost, its jobs are tried one by one.

**What an error means.** Before COMMIT nothing is written for certain: StoreUnavailable. An error of COMMIT itself says
nothing: a commit that returned "disk I/O error" was seen to be there after reopening, so it is StoreOutcomeUnknown.
Either way the connection is dropped, and the next round opens a new one, which recovers what the file holds.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..ports import StoreOutcomeUnknown, StoreUnavailable
from .job_thread import Job
from .sqlite_file import SqliteLink, is_busy

log = logging.getLogger(__name__)

ONE_JOBS_FAULT = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
"""Errors of a statement, not of the file: the transaction goes on without it."""


class Writes:
    def __init__(self, path: Path, link: SqliteLink) -> None:
        self._path = path
        self._link = link
        self._connection: sqlite3.Connection
        self._changes_before = 0

    def begin(self) -> bool:
        """Take the write lock. A transaction that only asks for it later fails when another was quicker."""
        try:
            self._connection = self._link.connection()
            self._connection.execute("BEGIN IMMEDIATE")
            self._changes_before = self._connection.total_changes
        except (sqlite3.Error, OSError) as exc:
            if is_busy(exc):
                return False
            self._link.drop()
            raise unavailable(self._path, exc) from exc
        return True

    def run(self, jobs: list[Job[sqlite3.Connection]]) -> None:
        try:
            for job in jobs:
                _do(job, self._connection, self._path)
        except sqlite3.Error as exc:
            self._start_over(jobs, exc)
            return
        something_changed = self._connection.total_changes > self._changes_before
        try:
            self._connection.execute("COMMIT")
            self._link.check_identity()
        except (sqlite3.Error, OSError) as exc:
            log.warning(
                "a commit to %s failed; whether its %d writes landed is unknown: %s", self._path, len(jobs), exc
            )
            self._link.drop()
            outcome = StoreOutcomeUnknown if something_changed else StoreUnavailable
            for job in jobs:
                job.error = outcome(f"commit to {self._path}: {exc}")

    def close(self) -> None:
        self._link.drop()

    def _start_over(self, jobs: list[Job[sqlite3.Connection]], exc: sqlite3.Error) -> None:
        """The transaction is lost with nothing written: the jobs share no fate, so each is tried by itself."""
        log.warning("a write to %s failed before it was committed: %s", self._path, exc)
        self._link.drop()
        if len(jobs) == 1:
            jobs[0].error = unavailable(self._path, exc)
            return
        for job in jobs:
            try:
                if self.begin():
                    self.run([job])
                else:
                    job.error = unavailable(self._path, "locked by another process")
            except StoreUnavailable as why:
                job.error = why


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

    def run(self, jobs: list[Job[sqlite3.Connection]]) -> None:
        for job in jobs:
            try:
                _do(job, self._link.connection(), self._path)
            except (sqlite3.Error, OSError) as exc:
                self._link.drop()
                job.error = unavailable(self._path, exc)

    def close(self) -> None:
        self._link.drop()


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """For a statement after one that has changed data in the same job: when it fails, the whole transaction is lost.

    A savepoint would undo this job alone, and costs every job a fifth more.
    """
    try:
        yield
    except ONE_JOBS_FAULT as exc:
        raise sqlite3.OperationalError(str(exc)) from exc


def unavailable(path: Path, why: object) -> StoreUnavailable:
    return StoreUnavailable(f"{path}: {why}")


def _do(job: Job[sqlite3.Connection], connection: sqlite3.Connection, path: Path) -> None:
    """Run one job; what is wrong with it alone stays with it.

    Raises:
        sqlite3.Error: something is wrong with the file or the transaction.
    """
    job.error = None
    try:
        job.do(connection)
    except ONE_JOBS_FAULT as exc:
        job.error = unavailable(path, exc)
    except sqlite3.Error:
        raise
    except Exception as exc:  # noqa: BLE001 - it belongs to the caller, and must not end the thread
        job.error = exc
