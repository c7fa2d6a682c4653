"""Group commit on MongoDB: writes that wait go in one ``bulkWrite`` command, and one flush of the journal serves all.

The command exists since MongoDB 8.0; an older server is sent each write by itself. So is one that says it has the
command and takes none, as in the middle of an upgrade (feature compatibility version 7.0) or after a failover to an
older node; and any server a write that waits alone, which takes it less. Either way each write has its own answer: it
found its place, or none, or failed. Nothing is atomic but each document's change, as everywhere with MongoDB. Sources:
MongoDB manual, "bulkWrite", "update", "insert" (database commands), "setFeatureCompatibilityVersion".

A replacement is looked for by its id alone, for which the server needs no plan, and sent as a computation that fails
where the document is not as it was to be found: sixteen in one command take a third less time than with a version in
the filter. Sources: MongoDB manual, "Explain Results" (EXPRESS_UPDATE), "Updates with Aggregation Pipeline", "$toInt".

Writes that go **in turn** are each done only where the one before found its place. One command has no such rule, but
an ordered one ends at its first error. So a replacement that others follow may insert: then it is computed, and fails,
also where no document is there. What such an error left undone is done in turn, a command for each.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pymongo
from bson.errors import InvalidDocument
from msgspec import Struct
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError, WriteConcernError, WriteError

from ..ports import StoreOutcomeUnknown
from .codec import Document
from .groups import Groups

Database: TypeAlias = AsyncDatabase[Document]

BULK_WRITE_SINCE: Final = 25
"""The wire version of MongoDB 8.0."""
NOT_ENCODED: Final = (InvalidDocument, OverflowError, UnicodeEncodeError)
"""What the driver raises for a command that it cannot put into MongoDB's form: too large, or a value that it has no
place for."""
DURABLE: Final = {"w": "majority", "j": True}
"""Set on each command, so that no URL weakens it."""
ALONE_UNDER_WAY: Final = 64
TOGETHER_UNDER_WAY: Final = 2
CROWD: Final = 24
"""So many writes that wait are worth a second command beside the one that is under way; with fewer, the flushes of two
cost more than the wait for one."""
DUPLICATE_KEY: Final = frozenset({11000, 11001, 12582})
NOT_TAKEN: Final = frozenset({59, 115, 40415})
"""CommandNotFound, CommandNotSupported, and a field that is not known: nothing was done."""
ALONE_SECONDS: Final = 60
"""So long after it took no ``bulkWrite``, a server is sent each write by itself."""
CONVERSION_FAILURE: Final = 241
"""Of a replacement whose document was not as expected."""


class Write(Struct, frozen=True):
    """Insert ``what`` where ``where`` is None; otherwise change the document there, or replace it by ``what``.

    ``where`` names the id, and what else the document must hold: other fields, or an expression as ``$expr``.
    """

    collection: str
    what: Document | list[Document]
    where: Document | None = None

    @property
    def replaces(self) -> bool:
        """By MongoDB's own rule: the first field of a change is an operator's name."""
        return self.where is not None and isinstance(self.what, dict) and not next(iter(self.what)).startswith("$")

    def change(self) -> tuple[Document, Document | list[Document]]:
        """Filter and update of what is no insert."""
        assert self.where is not None
        if not self.replaces:
            return self.where, self.what
        return {"_id": self.where["_id"]}, _replacement_or_error(self.where, self.what)


@dataclass(slots=True)
class InTurn:
    """Writes that go in turn, and how far they came. Those before the last insert, or replace a whole document."""

    writes: Sequence[Write]
    found: int = 0
    missed: bool = False
    error: Exception | None = None

    @property
    def left(self) -> Sequence[Write]:
        return () if self.missed or self.error is not None else self.writes[self.found :]

    @property
    def answer(self) -> int | Exception:
        return self.error if self.error is not None else self.found

    def note(self, told: Document) -> None:
        """What became of the next of them."""
        outcome = _outcome(told, self.writes[self.found])
        if isinstance(outcome, Exception):
            self.error = outcome
        elif outcome:
            self.found += 1
        else:
            self.missed = True


class _Step(Struct, frozen=True):
    """The write that is ``number`` of those that a turn has left, in one command with others."""

    turn: InTurn
    number: int
    write: Write
    is_followed: bool


def grouped_writes(database: Database, wire_version: int, timeout_seconds: float) -> Groups[InTurn, int]:
    """Writes are answered with how many of them found their place: a free id, or the document to change."""
    together = _Together(database)

    async def ask_together(turns: Sequence[InTurn], seconds: float) -> list[int | Exception]:
        return await _bounded(together.send(turns), turns, seconds)

    async def ask_alone(turns: Sequence[InTurn], seconds: float) -> list[int | Exception]:
        (turn,) = turns
        return await _bounded(_send_alone(database, turn), turns, seconds)

    if wire_version >= BULK_WRITE_SINCE:
        return Groups(ask_together, timeout_seconds, under_way=TOGETHER_UNDER_WAY, crowd=CROWD)
    return Groups(ask_alone, timeout_seconds, most=1, under_way=ALONE_UNDER_WAY)


async def _bounded(sending: Awaitable[None], turns: Sequence[InTurn], seconds: float) -> list[int | Exception]:
    """The answers; where a command failed as a whole, whoever waited for it is told so."""
    for turn in turns:
        turn.error = None  # of an earlier try
    try:
        with pymongo.timeout(seconds):
            await sending
    except PyMongoError as exc:
        for turn in turns:
            if turn.left:
                turn.error = exc
    return [turn.answer for turn in turns]


class _Together:
    """Sends turns together; or side by side, while the server takes no ``bulkWrite``, or where one cannot be sent."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._admin = database.client.admin
        self._alone_until = float("-inf")

    async def send(self, turns: Sequence[InTurn]) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._alone_until:
            try:
                return await _send_together(self._database, self._admin, turns)
            except OperationFailure as exc:
                if exc.code not in NOT_TAKEN:
                    raise
                self._alone_until = now + ALONE_SECONDS
            except NOT_ENCODED:
                pass  # each then tells for itself
        return await _send_side_by_side(self._database, turns)


async def _send_together(database: Database, admin: Database, turns: Sequence[InTurn]) -> None:
    if any(len(turn.left) > 1 for turn in turns):
        await _send(admin, database.name, turns, ordered=True)
    while waiting := [turn for turn in turns if turn.left]:
        if len(waiting) == 1:
            await _send_next(database, waiting[0])
        else:
            await _send(admin, database.name, waiting, ordered=False)


async def _send(admin: Database, database: str, turns: Sequence[InTurn], *, ordered: bool) -> None:
    """Send all that is left, or what comes next of each: then none stands in another's way."""
    steps = [
        _Step(turn, number, write, is_followed=ordered and number + 1 < len(turn.left))
        for turn in turns
        for number, write in enumerate(turn.left if ordered else turn.left[:1])
    ]
    # Inserts side by side, which the server then does in one go.
    steps.sort(key=lambda step: (step.number, step.write.where is not None, step.write.collection))
    names = sorted({step.write.collection for step in steps})
    command = {
        "bulkWrite": 1,
        "ops": [_operation(step, names.index(step.write.collection)) for step in steps],
        "nsInfo": [{"ns": f"{database}.{name}"} for name in names],
        "ordered": ordered,
        "errorsOnly": False,
        "writeConcern": DURABLE,
    }
    reply = await admin.command(command)
    _check_concern(reply)
    told = {row["idx"]: row for row in reply["cursor"]["firstBatch"]}
    for number, step in enumerate(steps):
        if number in told:
            step.turn.note(told[number])
        elif not (ordered and reply["nErrors"]):
            step.turn.error = _UNTOLD


async def _send_side_by_side(database: Database, turns: Sequence[InTurn]) -> None:
    """Each by itself, so that none fails with another."""

    async def send(turn: InTurn) -> None:
        try:
            await _send_alone(database, turn)
        except (PyMongoError, *NOT_ENCODED) as exc:
            turn.error = exc

    async with asyncio.TaskGroup() as tasks:
        for turn in turns:
            tasks.create_task(send(turn))


async def _send_alone(database: Database, turn: InTurn) -> None:
    while turn.left:
        await _send_next(database, turn)


async def _send_next(database: Database, turn: InTurn) -> None:
    """In a command of its own."""
    command: Document
    write = turn.left[0]
    if write.where is None:
        command = {"insert": write.collection, "documents": [write.what]}
    else:
        where, what = write.change()
        command = {"update": write.collection, "updates": [{"q": where, "u": what, "multi": False}]}
    reply: Document = await database.command(command | {"writeConcern": DURABLE})
    _check_concern(reply)
    failed = reply.get("writeErrors")
    turn.note(failed[0] if failed else reply)


def _operation(step: _Step, namespace: int) -> Document:
    if step.write.where is None:
        return {"insert": namespace, "document": step.write.what}
    where, what = step.write.change()
    may_insert = step.is_followed and step.write.replaces
    return {"update": namespace, "filter": where, "updateMods": what, "multi": False, "upsert": may_insert}


def _replacement_or_error(where: Document, what: Document | list[Document]) -> list[Document]:
    holds = [{"$eq": [f"${name}", {"$literal": value}]} for name, value in where.items() if name != "$expr"]
    holds += [where["$expr"]] if "$expr" in where else []
    error = {"$toInt": {"$concat": ["not as expected: ", "$_id"]}}
    return [{"$replaceWith": {"$cond": [{"$and": holds}, {"$literal": what}, error]}}]


def _outcome(told: Document, write: Write) -> bool | Exception:
    """Whether a write found its place. No index but that of the ids is unique, so a duplicate is one of those."""
    code = told.get("code")
    if code is None:
        return bool(told["n"] == 1)
    if code in DUPLICATE_KEY or (write.replaces and code == CONVERSION_FAILURE):
        return False
    return WriteError(told.get("errmsg", ""), code)


def _check_concern(reply: dict[str, Any]) -> None:
    """A write concern that was not met leaves all of the command's writes open; the server does not undo them."""
    failed = reply.get("writeConcernError")
    if failed:
        raise WriteConcernError(failed.get("errmsg", ""), failed.get("code"))


_UNTOLD: Final = StoreOutcomeUnknown("MongoDB did not say what became of a write")
