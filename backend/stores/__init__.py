"""The three ways to keep orders: in memory for tests, on one machine, on MongoDB. One contract suite holds for all."""

from .memory import MemoryStore
from .sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore"]
