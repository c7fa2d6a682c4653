"""What an error of the MongoDB driver says about a write: that it did not happen, or nothing at all.

Only what certainly happened before the write is StoreUnavailable. A lost connection, a changed primary, a write concern
that was not met in time (the write is not undone) and a time limit leave the outcome open, also where they are told of
one write among others: a router passes on so what became of its shard. Sources: PyMongo's ``pymongo.errors``; MongoDB
manual, "Write Concern" (wtimeout) and "Error Codes".
"""

from typing import Final

from pymongo.errors import (
    ConfigurationError,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from ..ports import StoreError, StoreOutcomeUnknown, StoreUnavailable

NEVER_SENT: Final = (ServerSelectionTimeoutError, WaitQueueTimeoutError, ConfigurationError, InvalidOperation)

WRITE_CONFLICT: Final = 112
REFUSED: Final = frozenset(
    {
        13,  # Unauthorized
        18,  # AuthenticationFailed
        121,  # DocumentValidationFailure
        WRITE_CONFLICT,
        8000,  # AtlasError: over quota
        10334,  # BSONObjectTooLarge
        11000,  # DuplicateKey
        14031,  # OutOfDiskSpace
        17419,  # the document would become too large
    }
)
"""Codes with which the server declines a write, or a whole command."""


def is_write_conflict(exc: PyMongoError) -> bool:
    """Whether another writer was at the same document just then; nothing was written, and trying again is right."""
    return isinstance(exc, OperationFailure) and exc.code == WRITE_CONFLICT


def read_error(exc: PyMongoError) -> StoreError:
    return StoreUnavailable(_text(exc))


def write_error(exc: PyMongoError) -> StoreError:
    declined = isinstance(exc, OperationFailure) and exc.code in REFUSED
    if declined or isinstance(exc, NEVER_SENT):
        return StoreUnavailable(_text(exc))
    return StoreOutcomeUnknown(_text(exc))


def _text(exc: PyMongoError) -> str:
    """The error's first sentence: the rest may repeat a document, or the whole topology."""
    return f"MongoDB: {type(exc).__name__}: {str(exc).split(', ')[0][:200]}"
