"""Do what a form asks for once, however often the form is sent: a double click, a reload, the browser's back button.

For what has no number of its own, as an operation has. The page that shows the form gives it a fresh key; whoever first
claims it in the store does the work, and what came of it is kept with the claim for whoever looks.
"""

import re
import secrets
from datetime import timedelta
from typing import Final

from ...domain.errors import InvalidInput
from ...domain.records import Record, RecordId
from ..context import ApiContext

KEY: Final = re.compile(r"[0-9a-f]{32}")
KEPT: Final = timedelta(hours=24)
IN_HAND: Final = "It is being done; load the page again to see what came of it."


def new_key() -> str:
    return secrets.token_hex(16)


async def claim(context: ApiContext, key: str) -> bool:
    """Whether the work is this request's to do.

    Raises:
        InvalidInput: no page made this key.
    """
    if not KEY.fullmatch(key):
        raise InvalidInput("load the page again, and use its form")
    return await context.store.write_record(_record(context, key, IN_HAND, 1), 0)


async def note(context: ApiContext, key: str, outcome: str) -> None:
    """What came of what was claimed."""
    await context.store.write_record(_record(context, key, outcome, 2), 1)


async def outcome_of(context: ApiContext, key: str) -> str:
    """In words; nothing where nobody claimed it."""
    if not KEY.fullmatch(key):
        return ""
    record = await context.store.read_record(_record(context, key, "", 1).id)
    return record.text if record is not None else ""


def _record(context: ApiContext, key: str, text: str, version: int) -> Record:
    return Record(RecordId(f"console-once/{context.mode}/{key}"), text, version, context.clock.now() + KEPT)
