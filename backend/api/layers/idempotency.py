"""``Idempotency-Key`` on everything that writes (draft-ietf-httpapi-idempotency-key-header-07).

Same key and same body: the same status and body, also when they come at once; same key and another body: 422; still in
progress: 409. A key belongs to one caller and one address. It is a quoted string in the draft; bare ones are common, so
both are taken, and mean the same.

Not kept are answers that ask for another try (5xx, 429, whatever has a ``Retry-After``) or that say the request never
came to its work (401, 403, 413, 415): the next one with the key is worked on.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...domain.card_numbers import holds_card_number
from ...domain.errors import CardNumberNotAccepted
from ...ports import StoreError
from ...service.answers import Answer, Answers, Claim, KeyOfAnotherRequest, StillInProgress
from ..auth import caller_of
from ..context import ApiContext
from ..errors import InvalidIdempotencyKey, problem_for
from .body_limits import Replay, read_body

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
KEY: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"|([!#-+\--\[\]-~]{1,255})')
ESCAPED: Final = re.compile(r'\\(["\\])')
UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""No place for a card number, though one in thousands looks like it holds one."""

WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
PREFIX: Final = "/api/"
EXCEPT: Final = "/api/webhooks/"
"""A gateway sends none, and its deliveries are counted by their own digest."""

NOT_FINAL: Final = frozenset({401, 403, 408, 413, 415, 429})
MOST_KEPT_BYTES: Final = 64 * 1024
SCOPE_KEY: Final = "idempotency"
EXPECTED: Final = (InvalidIdempotencyKey, CardNumberNotAccepted, KeyOfAnotherRequest, StillInProgress, StoreError)


def parse_key(values: Sequence[str]) -> str:
    """The key that the header's values name.

    Raises:
        InvalidIdempotencyKey: not one, or not in its form.
        CardNumberNotAccepted
    """
    match = KEY.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        raise InvalidIdempotencyKey
    quoted, bare = match.groups()
    key: str = bare if quoted is None else ESCAPED.sub(r"\1", quoted)
    if holds_card_number(key) and UUID.fullmatch(key) is None:
        raise CardNumberNotAccepted
    return key


class IdempotentRequests:
    """Plain ASGI, below the body limits: the body is there as one message."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not takes_key(scope["method"], scope["path"]):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if HEADER not in headers:
            return await self._app(scope, receive, send)
        context: ApiContext = scope["app"].state.context
        caller = caller_of(scope)
        if caller is None:
            return await self._app(scope, receive, send)
        body = await read_body(receive)
        try:
            key = parse_key(headers.getlist(HEADER))
            name = _digest(context.mode, caller.kind, caller.user, scope["method"], scope["path"], key)
            scope[SCOPE_KEY] = _digest(name, scope["query_string"].hex(), body.hex())
            claimed = await context.answers.claim(name, scope[SCOPE_KEY])
        except EXPECTED as exc:
            return await problem_for(exc, scope["path"])(scope, receive, send)
        if isinstance(claimed, Answer):
            return await _replayed(claimed)(scope, receive, send)
        return await self._work(context.answers, claimed, scope, Replay(body, receive), send)

    async def _work(self, answers: Answers, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        """Do the work, keep its answer, and only then send it: whoever has it may rely on getting it again."""
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, collect)
        except Exception:
            await answers.release(claim)
            raise
        answer = final_answer(messages)
        if answer is None:
            await answers.release(claim)
        else:
            await answers.keep(claim, answer)
        for message in messages:
            await send(message)


def takes_key(method: str, path: str) -> bool:
    return method.upper() in WRITING and path.startswith(PREFIX) and not path.startswith(EXCEPT)


def _digest(*parts: str) -> str:
    """One digest of all parts; their lengths keep ("a", "bc") apart from ("ab", "c")."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def final_answer(messages: list[Message]) -> Answer | None:
    """The answer, unless the caller is to try again."""
    if not messages or messages[0]["type"] != "http.response.start":
        return None
    headers = MutableHeaders(raw=list(messages[0]["headers"]))
    status: int = messages[0]["status"]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    if status >= 500 or status in NOT_FINAL or "retry-after" in headers or len(body) > MOST_KEPT_BYTES:
        return None
    return Answer(status, headers.get("content-type", ""), body.decode())


def _replayed(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {REPLAYED: "true", "Content-Type": answer.media_type})


async def _operation_key(request: Request) -> str | None:
    key: str | None = request.scope.get(SCOPE_KEY)
    return key


IdempotencyKey = Annotated[str | None, Depends(_operation_key)]
"""A digest of caller, address, key and body, for an operation to bear; None where no key was sent."""
