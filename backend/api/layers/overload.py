"""Past its limit the program says so at once, and goes on with what it has taken up at its usual speed.

So many requests are worked on at once; the next ones wait for their turn, webhooks before all others; when too many
wait, the rest is refused with 503 and ``Retry-After``. Working on all of them at once would make every one slow,
refusals too. A request that waits for the gateway, or for its own client, keeps nobody from work
(``stepping_aside.py``).

Webhooks are refused last: twice as many of them may wait. A refused one comes again.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from ...stepping_aside import begin_turn, end_turn
from .admission import LIMITED, Admission


class Overload:
    """Plain ASGI and outermost, so that a refusal costs next to nothing; it has no request id and no log line."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(LIMITED):
            return await self._app(scope, receive, send)
        refusal = self._admission.refusal(scope)
        if refusal is not None:
            await send({"type": "http.response.start", "status": refusal.status, "headers": refusal.headers})
            await send({"type": "http.response.body", "body": refusal.body})
            return None
        turn = await self._admission.turn(scope)
        token = begin_turn(turn)
        try:
            await self._app(scope, receive, send)
        finally:
            end_turn(token)
            turn.end()
