"""Refuse addresses that hold a card number, before anything reads or logs them; fields of a body have their own checks.

What is left of the address, for a log and for the answer, has an x for each digit. Digests and UUIDs in an address are
no place for a card number, though a long one may look like it holds one.
"""

import re
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from ...domain.card_numbers import holds_card_number
from ..errors import Problem, problem_response

CHECKED: Final = "/api/"
CARD_NUMBER: Final = Problem(422, "invalid-request", "A value cannot be accepted")
DETAIL: Final = "the address looks like it holds a card number; card data belongs on the payment page only"
NO_PLACE: Final = re.compile(r"[0-9A-Fa-f]{32,}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class CardNumbersRefused:
    """Plain ASGI, above everything that looks at an address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(CHECKED) or not _is_refused(scope):
            return await self._app(scope, receive, send)
        # In place: the server logs what it finds here once the request is over.
        scope["path"] = re.sub(r"\d", "x", scope["path"])
        scope["raw_path"], scope["query_string"] = scope["path"].encode(), b""
        return await problem_response(CARD_NUMBER, DETAIL, scope["path"])(scope, receive, send)


def _is_refused(scope: Scope) -> bool:
    query = scope["query_string"]
    texts = [scope["path"]]
    if query:
        texts += [text for pair in parse_qsl(query.decode("latin-1"), keep_blank_values=True) for text in pair]
    return any(holds_card_number(NO_PLACE.sub("", text)) for text in texts)
