"""Connections to one SQLite file, set so that a commit that returned is on the disk.

WAL lets readers go on beside the writer; ``synchronous=FULL`` flushes the log at every commit (with NORMAL a power cut
may take back what was acknowledged). Source: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.

A file that was removed or replaced under us is refused until it is back: SQLite would go on writing into the nameless
old file, and lose it all at the next start.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

BUSY_SLICE_MS: Final = 100
"""How long SQLite waits for another process's lock before it asks us; whoever waits decides how many times."""

WRITERS_SLICE_MS: Final = 1
"""The same for a write, which is tried again as long as its caller waits: SQLite sleeps longer from one look to the
next, and would sleep through most of the moments in which a busy neighbour does not have the lock."""

LOG_KEPT_BYTES: Final = 64 * 1024 * 1024
"""What the write-ahead log is cut back to after a burst."""

BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
ONE_STATEMENTS_FAULT: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
"""Errors of a statement, not of the file: the transaction goes on without it."""
REMEDIES: Final = {
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_READONLY: "make it and its folder writable for the program's user",
    sqlite3.SQLITE_PERM: "make it and its folder writable for the program's user",
    sqlite3.SQLITE_CANTOPEN: "see that its folder is there, and that the program's user may write in it",
    sqlite3.SQLITE_NOTADB: "put a backup in its place (docs/stores.md)",
    sqlite3.SQLITE_CORRUPT: "put a backup in its place (docs/stores.md)",
}
OF_A_FULL_DISK: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
"""How SQLite also says that the files beside the database cannot be made or grow."""
LEAST_FREE_BYTES: Final = 64 * 1024
"""What the least of these files takes, an index of the log, and some more."""
ConnectionClass: TypeAlias = type[sqlite3.Connection]
FileIdentity: TypeAlias = tuple[int, int]


class SqliteLink:
    """One connection, opened when first needed and again after ``drop``; used by one thread."""

    def __init__(
        self,
        path: Path,
        connection_class: ConnectionClass,
        *,
        read_only: bool = False,
        create: Callable[[sqlite3.Connection], None] | None = None,
        prepare: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """``create`` fills the file when it is first opened; without it, or after that, the file must be there.

        ``prepare`` is done with each new connection.
        """
        self._path = path
        self._class = connection_class
        self._read_only = read_only
        self._create = create
        self._prepare = prepare
        self._connection: sqlite3.Connection | None = None
        self._opened: FileIdentity | None = None

    def connection(self) -> sqlite3.Connection:
        """The open connection to the file that bears the path's name now.

        Raises:
            sqlite3.Error, OSError: it cannot be opened.
        """
        if self._connection is not None and self._opened != _identity(self._path):
            self.drop()
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def check_identity(self) -> None:
        """Raise FileNotFoundError unless the open connection is still to the file that bears the path's name."""
        if self._opened != _identity(self._path):
            raise FileNotFoundError("the file was replaced")

    def drop(self) -> None:
        """Close the connection, whatever state it is in; an open transaction is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        if not self._read_only:
            _check_writable(self._path)
        mode = "ro" if self._read_only else "rwc" if self._create is not None else "rw"
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, factory=self._class
        )
        try:
            connection.execute(f"PRAGMA busy_timeout={BUSY_SLICE_MS}")
            if not self._read_only:
                _make_durable(connection)
            if self._create is not None:
                self._create(connection)
            if self._prepare is not None:
                self._prepare(connection)
            self._opened = _identity(self._path)
            if not self._read_only:
                connection.execute(f"PRAGMA busy_timeout={WRITERS_SLICE_MS}")
        except BaseException:
            connection.close()
            raise
        self._create = None
        return connection


def error_code(exc: BaseException) -> int | None:
    """SQLite's own code for it, without what it adds to tell more."""
    code = getattr(exc, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def is_busy(exc: BaseException) -> bool:
    """Whether another process merely holds a lock."""
    return error_code(exc) in BUSY


def what_to_do(path: Path, exc: BaseException) -> str:
    """What a person is to do about a failure that does not go away by itself; nothing for others."""
    if isinstance(exc, PermissionError):
        return REMEDIES[sqlite3.SQLITE_READONLY]
    code = error_code(exc)
    if code in OF_A_FULL_DISK and _is_full(path.parent):
        return REMEDIES[sqlite3.SQLITE_FULL]
    return "" if code is None else REMEDIES.get(code, "")


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < LEAST_FREE_BYTES
    except OSError:
        return False


def is_no_utf8(exc: BaseException) -> bool:
    """Whether a text that was read cannot be one; the message holds it."""
    return str(exc).startswith("Could not decode to UTF-8")


def _check_writable(path: Path) -> None:
    """SQLite opens what it may not write for reading, and leaves a log beside it that nobody may write later either."""
    if path.exists() and not may_access(path, os.W_OK):
        raise PermissionError("the file is read-only")


def may_access(path: Path, how: int) -> bool:
    """As whoever the process acts for, where the system can tell."""
    return os.access(path, how, effective_ids=os.access in os.supports_effective_ids)


def _make_durable(connection: sqlite3.Connection) -> None:
    (journal,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if journal != "wal":
        raise sqlite3.OperationalError(f"this place allows no write-ahead log (it offers {journal}): use a local disk")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA journal_size_limit={LOG_KEPT_BYTES}")


def _identity(path: Path) -> FileIdentity:
    status = os.stat(path)  # noqa: PTH116 - before every read, and in half the time
    return status.st_dev, status.st_ino
