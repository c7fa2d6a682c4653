"""What each error of the driver says about a write; where it says nothing, the outcome is unknown."""

import pytest
from pymongo import errors

from backend.ports import StoreOutcomeUnknown, StoreUnavailable
from backend.stores.mongo_errors import is_write_conflict, read_error, write_error

NOT_WRITTEN = [
    errors.ServerSelectionTimeoutError("no primary"),
    errors.WaitQueueTimeoutError("no free connection"),
    errors.InvalidOperation("Cannot use MongoClient after close"),
    errors.ConfigurationError("bad option"),
    errors.OperationFailure("not allowed", 13),
    errors.OperationFailure("wrong password", 18),
    errors.OperationFailure("disk full", 14031),
    errors.OperationFailure("write conflict", 112),
    errors.WriteError("refused", 121),
    errors.WriteError("write conflict", 112),
    errors.WriteError("too large", 10334),
    errors.WriteError("too large once it is changed", 17419),
    errors.DuplicateKeyError("another one has the id", 11000),
]
UNKNOWN = [
    errors.AutoReconnect("connection closed"),
    errors.NetworkTimeout("no answer"),
    errors.NotPrimaryError("stepped down"),
    errors.WTimeoutError("waiting for replication timed out", 64),
    errors.WriteConcernError("not enough nodes", 100),
    errors.ExecutionTimeout("operation exceeded time limit", 50),
    errors.OperationFailure("interrupted at shutdown", 11600),
    errors.OperationFailure("exceeded time limit", 262),
    errors.OperationFailure("never heard of", 99_999),
    errors.WriteError("a shard cannot be reached", 6),
    errors.WriteError("a shard gave no answer", 89),
    errors.WriteError("a shard shuts down", 91),
    errors.WriteError("a shard's primary stepped down", 189),
    errors.WriteError("interrupted at a shard's shutdown", 11600),
    errors.WriteError("interrupted as a shard's state changed", 11602),
    errors.WriteError("never heard of", 99_999),
    errors.PyMongoError("something else"),
]


@pytest.mark.parametrize("error", NOT_WRITTEN, ids=repr)
def test_error_before_the_write_is_unavailable(error: errors.PyMongoError) -> None:
    assert type(write_error(error)) is StoreUnavailable


@pytest.mark.parametrize("error", UNKNOWN, ids=repr)
def test_error_that_leaves_the_write_open_is_unknown(error: errors.PyMongoError) -> None:
    assert type(write_error(error)) is StoreOutcomeUnknown


@pytest.mark.parametrize("error", NOT_WRITTEN + UNKNOWN, ids=repr)
def test_error_of_a_read_is_unavailable(error: errors.PyMongoError) -> None:
    assert type(read_error(error)) is StoreUnavailable


def test_only_a_write_conflict_is_tried_again() -> None:
    conflicts = [error for error in NOT_WRITTEN + UNKNOWN if is_write_conflict(error)]
    assert [str(error) for error in conflicts] == ["write conflict"] * 2


def test_text_of_an_error_is_short_and_repeats_no_document() -> None:
    long = errors.WriteError("refused, full error: {'op': {'email': 'ann@example.com'}} " + "x" * 1000, 121)
    assert str(write_error(long)) == "MongoDB: WriteError: refused"
