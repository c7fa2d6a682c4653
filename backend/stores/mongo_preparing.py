"""What a MongoDB needs before it is used: its indexes, and what orders of an older program lack."""

import logging
from functools import partial
from typing import Final

import pymongo

from ..domain.terms import Mode
from ..ports import StoreUnavailable
from . import codec, mongo_indexes
from .mongo_indexes import ORDERS
from .mongo_link import MongoLink
from .mongo_rows import read_order, searchable
from .mongo_writes import Write

log = logging.getLogger(__name__)

INDEXES_SECONDS: Final = 300.0
"""Building an index on a full collection takes its time; only at start."""

FILL_PAGE: Final = 500


async def prepare(link: MongoLink) -> None:
    """Create what indexes are missing, and fill in what orders are searched by.

    Raises:
        StoreUnavailable: the server is away, or an index could not be made.
    """
    await _create_indexes(link)
    await _fill_searchable(link)


async def index_differences(link: MongoLink) -> list[str]:
    """How the server's indexes differ from those that this program declares, a sentence each."""
    orders = await link.read(lambda: mongo_indexes.differences(link.orders))
    deliveries = await link.read(lambda: mongo_indexes.differences(link.deliveries))
    return orders + deliveries + await link.read(lambda: mongo_indexes.differences(link.records))


async def _create_indexes(link: MongoLink) -> None:
    async def create() -> None:
        with pymongo.timeout(INDEXES_SECONDS):
            await mongo_indexes.create_missing(link.orders)
            await mongo_indexes.create_missing(link.deliveries)
            await mongo_indexes.create_missing(link.records)

    await link.read(create)  # nothing to be unsure of: creating again does no harm
    differences = await index_differences(link)
    for difference in differences:
        log.warning("%s: %s", link.database, difference)
    if any("missing" in difference for difference in differences):
        raise StoreUnavailable(f"{link.database} lacks indexes: {'; '.join(differences)}")


async def _fill_searchable(link: MongoLink) -> None:
    """What operators search by, for orders that were written before it was kept, a page at a time."""
    for mode in Mode:
        after = ""
        while page := await _unfilled(link, mode, after):
            for order in codec.readable(partial(read_order, row) for row in page):
                stored = {"_id": order.id, "version": order.version}
                told = {"$set": {name: value for name, value in searchable(order).items() if value is not None}}
                await link.write(Write(ORDERS, told, stored))
            after = page[-1]["_id"]


async def _unfilled(link: MongoLink, mode: Mode, after: str) -> list[codec.Document]:
    missing = {"mode": mode.value, "status": None, "_id": {"$gt": after}}
    return await link.read(
        lambda: link.orders.find(missing, sort=[("_id", 1)], limit=FILL_PAGE, hint="status").to_list()
    )
