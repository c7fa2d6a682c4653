"""Which store the settings mean; apart from all else, so that a command that only reads orders starts at once."""

from typing import Final

from .config import Settings
from .ports import OrderStore

ORDERS_FILE: Final = "orders.sqlite3"


def make_store(settings: Settings) -> OrderStore:
    """MongoDB where a URL is given, else one file in the data folder; nothing is opened yet."""
    timeout_seconds = settings.store_timeout_seconds
    if settings.mongo_url is not None:
        from .stores.mongo import MongoStore  # the driver costs start-up time that SQLite need not pay

        return MongoStore(settings.mongo_url.get_secret_value(), settings.db_name, timeout_seconds=timeout_seconds)
    from .stores.sqlite import SqliteStore

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteStore(settings.data_dir / ORDERS_FILE, timeout_seconds=timeout_seconds)
