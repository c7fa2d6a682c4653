"""Which store the settings mean; apart from all else, so that a command that only reads orders starts at once."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .config import Settings
from .ports import OrderStore, StoreUnavailable

ORDERS_FILE: Final = "orders.sqlite3"
SET_DATA_DIR: Final = "set DATA_DIR to a folder that the program's user may write in"
MONGODB_SERVERS: Final = re.compile(r"(mongodb(?:\+srv)?://)(?:[^@/]*@)?([^@/?]+)(?:[/?][^@]*)?")
"""With neither the user nor the options, which may hold passwords too; an address that is not plain is not shown."""


def make_store(settings: Settings) -> OrderStore:
    """MongoDB where a URL is given, else one file in the data folder; nothing is opened yet.

    Raises:
        StoreUnavailable: there can be no such folder.
    """
    timeout_seconds = settings.store_timeout_seconds
    if settings.mongo_url is not None:
        from .stores.mongo import MongoStore  # the driver costs start-up time that SQLite need not pay

        return MongoStore(settings.mongo_url.get_secret_value(), settings.db_name, timeout_seconds=timeout_seconds)
    from .stores.sqlite import SqliteStore

    return SqliteStore(data_folder(settings) / ORDERS_FILE, timeout_seconds=timeout_seconds)


class NoStore(Exception):
    """Whoever only looks must not make a store in the place of one that was looked for in the wrong folder."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            f"there is no store: looked for {store_name(settings)}; "
            "set DATA_DIR, or give the command in the folder in which the program runs, which makes it"
        )


def need_store(settings: Settings) -> None:
    """Raises:
    NoStore: nothing was ever kept there; of a MongoDB only the server itself could tell.
    """
    if settings.mongo_url is None and not _may_be_there(settings.data_dir / ORDERS_FILE):
        raise NoStore(settings)


def store_name(settings: Settings) -> str:
    """For people, without credentials."""
    if settings.mongo_url is None:
        return str(settings.data_dir.absolute() / ORDERS_FILE)
    plain = MONGODB_SERVERS.fullmatch(settings.mongo_url.get_secret_value())
    servers = "".join(plain.groups()) if plain is not None else "MongoDB"
    return f"{servers}, database {settings.db_name}"


def folder_fault(settings: Settings) -> str | None:
    """Why DATA_DIR could not be made or written, as far as can be told without doing it."""
    from .stores.sqlite_file import may_access

    folder = settings.data_dir.absolute()
    nearest = next(each for each in (folder, *folder.parents) if _may_be_there(each))
    if not nearest.is_dir():
        return f"{nearest} is no folder"
    if not may_access(nearest, os.W_OK | os.X_OK):
        return f"{nearest} cannot be written"
    return None


def _may_be_there(path: Path) -> bool:
    """Also where a folder before it may not be looked into; whoever opens it is told that."""
    try:
        return path.exists()
    except PermissionError:
        return True


def data_folder(settings: Settings) -> Path:
    """The folder of the program's own files, made where it is missing.

    Raises:
        StoreUnavailable
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        why = "it is no folder" if isinstance(exc, FileExistsError) else exc.strerror
        raise StoreUnavailable(
            f"DATA_DIR {settings.data_dir.absolute()} cannot be made: {why}",
            SET_DATA_DIR,
        ) from exc
    return settings.data_dir


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """For another of the program's SQLite files.

    Raises:
        StoreUnavailable
    """
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        from .stores.sqlite_runners import unavailable

        raise unavailable(path.absolute(), exc) from exc
