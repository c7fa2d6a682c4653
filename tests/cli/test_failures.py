"""What keeps a command from working is told in one line that says what to do; never by a traceback."""

import errno
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.config import Settings
from backend.open_store import folder_fault, make_store, need_store
from backend.ports import StoreUnavailable
from backend.stores.sqlite_runners import unavailable
from tests.chaos.disk import Disk
from tests.chaos.disk import disk as a_disk
from tests.stores.test_sqlite_away import as_nobody

from .conftest import Run, in_a_shell

REFUSED = "set DATA_DIR to a folder that the program's user may write in"


def refused(done: "subprocess.CompletedProcess[bytes]", code: int) -> str:
    """The one line on standard error, with nothing said before it."""
    assert done.returncode == code, done.stderr
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    return line


def store_finding(run: Run) -> dict[str, Any]:
    (found,) = [each for each in run("doctor", "--json", code=4) if each["what"] == "store"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("folder", ["file", "file/inside"])
def test_a_data_folder_that_cannot_be_is_told_with_what_to_set(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATA_DIR", folder)
    assert REFUSED in run("import", "file", code=3)
    assert store_finding(run)["todo"] == REFUSED
    line = refused(in_a_shell("backend run", tmp_path, DATA_DIR=folder), 1)
    assert line.startswith("cannot start: DATA_DIR /")
    assert REFUSED in line


@pytest.mark.parametrize("mode", [0o000, 0o555])
def test_a_folder_that_others_own_is_told_apart_from_one_without_a_store(mode: int) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    there, inside = (Settings(_env_file=None, data_dir=each) for each in (folder, folder / "inside"))
    folder.chmod(mode)
    with as_nobody():
        if mode:
            assert folder_fault(there) == folder_fault(inside) == f"{folder} cannot be written"
        else:
            need_store(there)  # whoever opens it is told that it is closed
        with pytest.raises(StoreUnavailable, match="inside cannot be made: Permission denied: set DATA_DIR"):
            make_store(inside)
    folder.rmdir()


@pytest.mark.parametrize("name", ["orders", "simulator"])
def test_a_file_that_is_no_database_stops_the_start_with_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{name}.sqlite3").write_text("garbage " * 100)
    line = refused(in_a_shell("backend run", tmp_path), 3 if name == "orders" else 1)
    assert line.startswith("cannot start: ")
    assert f"{name}.sqlite3: file is not a database: put a backup in its place (docs/stores.md)" in line


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with a_disk(tmp_path / "disk") as disk:
        if not disk.can_be_full:
            pytest.skip("no file system can be mounted here")
        yield disk


def test_a_full_disk_is_told_with_what_to_do(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk, store_file: Path
) -> None:
    monkeypatch.setenv("DATA_DIR", str(disk.folder))
    shutil.move(store_file, disk.folder)
    disk.fill()
    assert "free some space on its disk" in run("orders", code=3)
    assert store_finding(run)["todo"] == "free some space on its disk"
    line = refused(in_a_shell("backend run", tmp_path, DATA_DIR=str(disk.folder)), 1)
    assert line.startswith("cannot start: ")
    assert "free some space on its disk" in line
    told = run("export", str(disk.folder / "orders.jsonl"), code=3)
    assert "Traceback" not in told


def an_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "todo"),
    [
        (an_error(sqlite3.SQLITE_FULL), "free some space"),
        (an_error(sqlite3.SQLITE_READONLY_DIRECTORY), "make it and its folder writable"),
        (PermissionError(errno.EACCES, "the file is read-only"), "make it and its folder writable"),
        (an_error(sqlite3.SQLITE_CANTOPEN), "see that its folder is there"),
        (an_error(sqlite3.SQLITE_CORRUPT), "put a backup in its place"),
        (an_error(sqlite3.SQLITE_IOERR_READ), ""),
        (sqlite3.OperationalError("anything else"), ""),
    ],
    ids=str,
)
def test_what_is_to_be_done_follows_from_sqlites_error(tmp_path: Path, error: Exception, todo: str) -> None:
    told = unavailable(tmp_path / "orders.sqlite3", error)
    assert told.todo.startswith(todo)
    assert bool(told.todo) == bool(todo)
    assert str(told).endswith(told.todo)


def test_a_file_that_cannot_be_written_is_named(run: Run, paid: str, tmp_path: Path) -> None:
    for words in (("export", "/nope/x"), ("support-bundle", paid, "--file", "/nope/x")):
        assert run(*words, code=1).strip() == "/nope/x cannot be written: No such file or directory"
    (tmp_path / "refused.jsonl.partial").mkdir()
    assert run("export", "refused.jsonl", code=1).startswith("refused.jsonl cannot be written: ")
    (tmp_path / "folder").mkdir()
    assert "exists already" in run("export", "folder", code=1)


@pytest.mark.parametrize("command", ["token", "--help", "doctor", "doctor --json", "orders --help"])
def test_an_output_that_takes_nothing_ends_a_command_without_a_traceback(tmp_path: Path, command: str) -> None:
    full = in_a_shell(f"backend {command} > /dev/full", tmp_path)
    (line,) = full.stderr.decode().splitlines()
    assert line.startswith("the output could not be written: No space left on device")
    assert full.returncode == 141
    closed = in_a_shell(f"backend {command} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert closed.stderr == b""
    assert closed.returncode in (0, 1, 141)
