"""Which store the settings mean; apart from all else, so that a command that only reads orders starts at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .config import Settings
from .ports import OrderStore, StoreUnavailable

ORDERS_FILE: Final = "orders.sqlite3"


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


def data_folder(settings: Settings) -> Path:
    """The folder of the program's own files, made where it is missing.

    Raises:
        StoreUnavailable
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        why = "it is no folder" if settings.data_dir.exists() else exc.strerror
        raise StoreUnavailable(
            f"DATA_DIR {settings.data_dir.absolute()} cannot be made: {why}",
            "set DATA_DIR to a folder that the program's user may write in",
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
