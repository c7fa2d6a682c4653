"""The indexes that the MongoDB store's queries need, declared once; created at start, and differences reported.

Sharding: all collections by ``{_id: "hashed"}``. Uniqueness then still rides on ``_id``, as equal ids share a shard.
These are targeted (they name ``_id``): every write, and reading an order by its id. These ask all shards: finding an
order by the gateway's job reference, operators' searches, and looking for what is due, each through an index below.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.operations import IndexModel

ORDERS: Final = "orders"
DELIVERIES: Final = "deliveries"
RECORDS: Final = "records"


class Index(Struct, frozen=True):
    """Holds only documents that have ``present``, where one is named: most orders need no look."""

    collection: str
    name: str
    fields: tuple[str, ...]
    present: str | None = None

    @property
    def model(self) -> IndexModel:
        keys = [(field, 1) for field in self.fields]
        if self.present is None:
            return IndexModel(keys, name=self.name)
        return IndexModel(keys, name=self.name, partialFilterExpression={self.present: {"$exists": True}})

    def fits(self, found: Mapping[str, Any]) -> bool:
        """Whether the index that the server lists under this name is this one."""
        document = self.model.document
        return (
            list(found["key"].items()) == list(document["key"].items())
            and found.get("partialFilterExpression") == document.get("partialFilterExpression")
            and not found.get("unique", False)
        )


INDEXES: Final = (
    Index(ORDERS, "due", ("mode", "next_check_at", "_id"), present="next_check_at"),
    Index(ORDERS, "job_references", ("job_references", "mode", "_id"), present="job_references"),
    Index(ORDERS, "notice", ("mode", "next_notice_at", "_id"), present="next_notice_at"),
    Index(ORDERS, "payment_references", ("payment_references", "mode", "_id"), present="payment_references"),
    Index(ORDERS, "placed", ("mode", "placed_at", "_id")),
    Index(ORDERS, "status", ("mode", "status", "placed_at", "_id")),
    Index(ORDERS, "email", ("mode", "email", "placed_at", "_id")),
    Index(ORDERS, "amount", ("mode", "amount_minor", "placed_at", "_id")),
    Index(ORDERS, "currency", ("mode", "currency", "placed_at", "_id")),
    Index(ORDERS, "attention", ("mode", "needs_attention", "placed_at", "_id")),
    Index(ORDERS, "at_risk", ("mode", "at_risk_minor", "currency"), present="at_risk_minor"),
    Index(DELIVERIES, "due", ("mode", "next_try_at", "_id"), present="next_try_at"),
    Index(DELIVERIES, "last", ("mode", "last_at", "_id")),
    Index(DELIVERIES, "outcome", ("mode", "outcome", "last_at", "_id")),
    Index(RECORDS, "expiry", ("expires_at",), present="expires_at"),
)


async def create_missing(collection: AsyncCollection[dict[str, Any]]) -> None:
    """Create this collection's indexes where there is none of the name; what differs is left as it is."""
    known = await _listed(collection)
    models = [index.model for index in INDEXES if index.collection == collection.name and index.name not in known]
    if models:
        await collection.create_indexes(models)


async def differences(collection: AsyncCollection[dict[str, Any]]) -> list[str]:
    """How the collection's indexes differ from those declared here, a sentence each."""
    known = await _listed(collection)
    wanted = {index.name: index for index in INDEXES if index.collection == collection.name}
    missing = [f"index {collection.name}.{name} is missing" for name in wanted if name not in known]
    changed = [
        f"index {collection.name}.{name} is not as this program declares it: drop it, then start again"
        for name, index in wanted.items()
        if name in known and not index.fits(known[name])
    ]
    extra = [
        f"index {collection.name}.{name} is none of this program's"
        for name in known
        if name not in wanted and name != "_id_"
    ]
    return missing + changed + extra


async def _listed(collection: AsyncCollection[dict[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {index["name"]: index async for index in await collection.list_indexes()}
