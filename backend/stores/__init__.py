"""The three ways to keep orders: in memory for tests, on one machine, on MongoDB. One contract suite holds for all."""

from typing import TYPE_CHECKING

from .memory import MemoryStore
from .sqlite import SqliteStore

if TYPE_CHECKING:
    from .mongo import MongoStore

__all__ = ["MemoryStore", "MongoStore", "SqliteStore"]


def __getattr__(name: str) -> object:
    """Import MongoDB's driver only where it is used: it takes a fifth of a second that no other store needs."""
    if name == "MongoStore":
        from .mongo import MongoStore

        return MongoStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
