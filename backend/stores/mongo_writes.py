"""Group commit on MongoDB: writes that wait go in one ``bulkWrite`` command, and one flush of the journal serves all.

The command exists since MongoDB 8.0; an older server is sent each write by itself. Either way each write has its own
answer: it found its place, or none, or failed. Nothing is atomic but each document's change, as
everywhere with MongoDB. Sources: MongoDB manual, "bulkWrite", "update", "insert" (database commands).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pymongo
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import WriteConcernError, WriteError

from ..ports import StoreOutcomeUnknown
from .codec import Document
from .groups import Groups

Database: TypeAlias = AsyncDatabase[Document]

BULK_WRITE_SINCE: Final = 25
"""The wire version of MongoDB 8.0."""
DURABLE: Final = {"w": "majority", "j": True}
"""Set on each command, so that no URL weakens it."""
ALONE_UNDER_WAY: Final = 64
DUPLICATE_KEY: Final = frozenset({11000, 11001, 12582})


@dataclass(frozen=True, slots=True)
class Write:
    """Insert ``what`` where ``where`` is None; otherwise change the document there, or replace it by ``what``."""

    collection: str
    what: Document | list[Document]
    where: Document | None = None


def grouped_writes(database: Database, wire_version: int, timeout_seconds: float) -> Groups[Write, bool]:
    """Each write is answered with whether it found its place: a free id, or the document to change."""

    async def together(writes: Sequence[Write], seconds: float) -> list[bool | Exception]:
        with pymongo.timeout(seconds):
            return await _send_together(database, writes)

    async def alone(writes: Sequence[Write], seconds: float) -> list[bool | Exception]:
        with pymongo.timeout(seconds):
            return [await _send_alone(database, write) for write in writes]

    if wire_version >= BULK_WRITE_SINCE:
        return Groups(together, timeout_seconds)
    return Groups(alone, timeout_seconds, most=1, under_way=ALONE_UNDER_WAY)


async def _send_together(database: Database, writes: Sequence[Write]) -> list[bool | Exception]:
    names = sorted({write.collection for write in writes})
    # Inserts side by side, which the server then does in one go.
    numbers = sorted(range(len(writes)), key=lambda n: (writes[n].where is not None, writes[n].collection))
    command = {
        "bulkWrite": 1,
        "ops": [_operation(writes[n], names.index(writes[n].collection)) for n in numbers],
        "nsInfo": [{"ns": f"{database.name}.{name}"} for name in names],
        "ordered": False,
        "errorsOnly": False,
        "writeConcern": DURABLE,
    }
    reply = await database.client.admin.command(command)
    _check_concern(reply)
    told = {numbers[row["idx"]]: row for row in reply["cursor"]["firstBatch"]}
    return [_outcome(write, told[number]) if number in told else _UNTOLD for number, write in enumerate(writes)]


async def _send_alone(database: Database, write: Write) -> bool | Exception:
    command: Document
    if write.where is None:
        command = {"insert": write.collection, "documents": [write.what]}
    else:
        change = {"q": write.where, "u": write.what, "multi": False}
        command = {"update": write.collection, "updates": [change]}
    reply = await database.command(command | {"writeConcern": DURABLE})
    _check_concern(reply)
    failed = reply.get("writeErrors")
    return _outcome(write, failed[0] if failed else reply)


def _operation(write: Write, namespace: int) -> Document:
    if write.where is None:
        return {"insert": namespace, "document": write.what}
    change = {"filter": write.where, "updateMods": write.what, "multi": False}
    return {"update": namespace, **change}


def _outcome(write: Write, told: Document) -> bool | Exception:
    code = told.get("code")
    if code is None:
        return bool(told["n"] == 1)
    if code in DUPLICATE_KEY and write.where is None:
        return False
    return WriteError(told.get("errmsg", ""), code)


def _check_concern(reply: dict[str, Any]) -> None:
    """A write concern that was not met leaves all of the command's writes open; the server does not undo them."""
    failed = reply.get("writeConcernError")
    if failed:
        raise WriteConcernError(failed.get("errmsg", ""), failed.get("code"))


_UNTOLD: Final = StoreOutcomeUnknown("MongoDB did not say what became of a write")
