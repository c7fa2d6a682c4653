"""The contract suite fails every store that breaks a promise, by the check that names the promise."""

import pytest

from backend.ports import StoreError
from backend.stores import MemoryStore
from backend.stores.memory import MemoryDisk

from . import applying, inbox, order_store, searching
from .broken_stores import BROKEN, BrokenBench
from .order_store import Check

FAILED = (AssertionError, pytest.fail.Exception, StoreError)


@pytest.mark.parametrize(("broken", "check"), BROKEN.items(), ids=lambda either: either.__name__)
async def test_broken_store_fails_the_named_check(broken: type[MemoryStore], check: Check) -> None:
    with pytest.raises(FAILED):
        await check(BrokenBench(broken, MemoryDisk()))
    await check(BrokenBench(MemoryStore, MemoryDisk()))


def test_every_named_check_is_part_of_the_suite() -> None:
    assert set(BROKEN.values()) <= {*order_store.CHECKS, *inbox.CHECKS, *applying.CHECKS, *searching.CHECKS}


def test_no_check_is_left_out_of_the_suite() -> None:
    for module in (order_store, inbox, applying, searching):
        named_like_checks = {
            value
            for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and _takes_only_a_bench(value)
        }
        assert named_like_checks == set(module.CHECKS)


def _takes_only_a_bench(function: object) -> bool:
    return list(getattr(function, "__annotations__", {})) == ["bench", "return"]
