"""Where a page ended, as opaque text for the next request."""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from ...domain.errors import InvalidInput
from ...domain.searching import Cursor
from ..fields import Told

CursorText = Annotated[str, Field(max_length=300), Told({"format": "cursor"})] | None


class InvalidCursor(InvalidInput):
    def __init__(self) -> None:
        super().__init__("send the cursor as the page before gave it, or none to start from the newest")


def write_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(f"{cursor.at.isoformat()} {cursor.id}".encode()).decode()


def read_cursor(text: str | None) -> Cursor | None:
    """Raises:
    InvalidCursor: it is none of ours.
    """
    if text is None:
        return None
    try:
        at, space, row_id = base64.b64decode(text, altchars=b"-_", validate=True).decode().partition(" ")
        when = datetime.fromisoformat(at)
    except (ValueError, binascii.Error):
        raise InvalidCursor from None
    if not space or not row_id or when.utcoffset() != timedelta():  # ours are in UTC
        raise InvalidCursor
    return Cursor(when, row_id)
