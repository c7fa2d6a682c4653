"""Past its limit the program refuses at once; nothing here waits for time to pass."""

import asyncio
from collections.abc import Sequence

from starlette.types import Message, Receive, Scope, Send

from backend.api.layers.admission import Admission, Capacity
from backend.api.layers.overload import Overload
from backend.observability.metrics import Metrics
from backend.stepping_aside import stepping_aside

CREATE = "/api/payment/create"
WEBHOOK = "/api/webhooks/cashflows"
ORIGIN = "http://localhost:3000"


class Desk:
    """An application whose requests end when they are told to, behind an ``Overload``."""

    def __init__(self, at_once: int = 1, waiting: int = 1, at_gateway: int = 10) -> None:
        self.begun: list[str] = []
        self._go_on: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[list[Message]]] = {}
        self.overload = Overload(self._app, Admission(Capacity(at_once, waiting, at_gateway), Metrics(), [ORIGIN]))

    async def _app(self, scope: Scope, _receive: Receive, send: Send) -> None:
        name = scope["query_string"].decode()
        self.begun.append(name)
        await self._go_on.setdefault(name, asyncio.Event()).wait()
        if name.endswith("pays"):
            with stepping_aside():
                self.begun.append(f"{name} at the gateway")
                await self._go_on.setdefault(f"{name} at the gateway", asyncio.Event()).wait()
            self.begun.append(f"{name} is back")
            await self._go_on.setdefault(f"{name} is back", asyncio.Event()).wait()
        if name.endswith("stalls"):
            with stepping_aside(for_client=True):
                await self._go_on.setdefault(f"{name} no more", asyncio.Event()).wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, name: str, path: str = CREATE) -> None:
        """Begin a request, and let everything happen that can."""
        self._tasks[name] = asyncio.create_task(self._request(name, path))
        await settle()

    async def _request(self, name: str, path: str) -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = [(b"origin", ORIGIN.encode())]
        scope = {"type": "http", "path": path, "query_string": name.encode(), "headers": headers}
        await self.overload(scope, receive, send)
        return sent

    async def go_on(self, name: str) -> None:
        self._go_on.setdefault(name, asyncio.Event()).set()
        await settle()

    async def leave(self, name: str) -> None:
        """Its client is gone, and the server cancels it."""
        self._tasks[name].cancel()
        await settle()

    async def go_on_while_leaving(self, name: str, leaving: str) -> None:
        """One ends in the very turn of the loop in which another, that waits for its place, is cancelled."""
        self._go_on.setdefault(name, asyncio.Event()).set()
        self._tasks[leaving].cancel()
        await settle()

    def answer(self, name: str) -> list[Message]:
        """It has one already, or this fails."""
        return self._tasks[name].result()

    async def end(self) -> Sequence[int]:
        """Let every request end; their statuses in the order in which they came."""
        while not all(task.done() for task in self._tasks.values()):
            for event in list(self._go_on.values()):
                event.set()
            await settle()
        return [task.result()[0]["status"] for task in self._tasks.values() if not task.cancelled()]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_too_much_is_refused_at_once_and_says_when_to_come_again() -> None:
    desk = Desk(at_once=1, waiting=1)
    for name in ("first", "second", "third"):
        await desk.ask(name)
    start, body = desk.answer("third")
    assert start["status"] == 503
    headers = dict(start["headers"])
    assert headers[b"retry-after"] == b"2"
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"access-control-allow-origin"] == ORIGIN.encode()
    assert b"urn:rafflestack:problem:too-busy" in body["body"]
    assert desk.begun == ["first"]
    assert await desk.end() == [200, 200, 503]


async def test_who_waits_comes_in_turn_and_webhooks_before_all_others() -> None:
    desk = Desk(at_once=1, waiting=2)
    await desk.ask("first")
    await desk.ask("second")
    await desk.ask("third")
    await desk.ask("webhook", WEBHOOK)
    for name in ("first", "webhook", "second", "third"):
        await desk.go_on(name)
    assert desk.begun == ["first", "webhook", "second", "third"]
    assert await desk.end() == [200] * 4


async def test_webhooks_are_refused_last() -> None:
    desk = Desk(at_once=1, waiting=1)
    await desk.ask("first")
    await desk.ask("second")
    await desk.ask("refused")
    for name in ("one", "two", "three"):
        await desk.ask(name, WEBHOOK)
    assert await desk.end() == [200, 200, 503, 200, 200, 503]


async def test_whoever_waits_for_the_gateway_keeps_nobody_from_work() -> None:
    desk = Desk(at_once=1, waiting=5)
    await desk.ask("one pays")
    await desk.ask("two")
    assert desk.begun == ["one pays"]
    await desk.go_on("one pays")
    assert desk.begun == ["one pays", "one pays at the gateway", "two"]
    assert await desk.end() == [200, 200]


async def test_those_who_wait_for_their_clients_keep_nobody_from_work_nor_from_the_gateway() -> None:
    desk = Desk(at_once=1, waiting=1, at_gateway=1)
    for name in ("one stalls", "two stalls", "three stalls"):
        await desk.ask(name)
        await desk.go_on(name)
    await desk.ask("four pays")
    await desk.go_on("four pays")
    assert desk.begun[-1] == "four pays at the gateway"
    await desk.go_on("four pays at the gateway")
    await desk.go_on("one stalls no more")
    assert desk.answer("one stalls")[0]["status"] == 200
    assert await desk.end() == [200] * 4


async def test_whoever_waits_for_client_and_gateway_counts_as_at_the_gateway_until_both_are_over() -> None:
    admission = Admission(Capacity(1, 0, 1), Metrics(), [])
    scope: Scope = {"type": "http", "path": CREATE, "headers": []}
    assert admission.refusal(scope) is None
    turn = await admission.turn(scope)
    seen = []
    for step, for_client in ((1, True), (1, False), (-1, True), (1, True), (-1, False), (-1, True)):
        (turn.step_aside if step > 0 else turn.come_back)(for_client=for_client)
        seen.append(admission.refuses(CREATE))
    assert seen == [False, True, True, True, False, True]
    turn.step_aside(for_client=True)
    turn.end()
    turn.come_back(for_client=True)
    assert not admission.refuses(CREATE)


async def test_no_more_than_the_limit_wait_for_the_gateway() -> None:
    desk = Desk(at_once=5, waiting=0, at_gateway=1)
    await desk.ask("one pays")
    await desk.go_on("one pays")
    await desk.ask("two")
    assert desk.answer("two")[0]["status"] == 503
    await desk.go_on("one pays at the gateway")
    await desk.ask("three")
    assert await desk.end() == [200, 503, 200]


async def test_whoever_comes_back_from_the_gateway_goes_on_at_once_and_counts_again() -> None:
    desk = Desk(at_once=1, waiting=5)
    await desk.ask("one pays")
    await desk.go_on("one pays")
    await desk.ask("two")
    await desk.go_on("one pays at the gateway")
    assert desk.begun[-1] == "one pays is back"
    await desk.go_on("two")
    await desk.ask("three")
    assert "three" not in desk.begun
    await desk.go_on("one pays is back")
    assert desk.begun[-1] == "three"
    assert await desk.end() == [200, 200, 200]


async def test_a_client_that_leaves_while_it_waits_takes_nobodys_turn() -> None:
    desk = Desk(at_once=1, waiting=2)
    for name in ("first", "left", "third"):
        await desk.ask(name)
    await desk.leave("left")
    await desk.go_on("first")
    assert desk.begun == ["first", "third"]
    assert await desk.end() == [200, 200]


async def test_health_is_never_refused() -> None:
    desk = Desk(at_once=1, waiting=0)
    await desk.ask("first")
    await desk.ask("probe", "/healthz")
    assert desk.begun == ["first", "probe"]
    assert await desk.end() == [200, 200]


async def test_a_full_house_works_as_fast_again_when_it_empties() -> None:
    desk = Desk(at_once=2, waiting=2)
    for number in range(10):
        await desk.ask(f"{number} pays")
    assert sorted(await desk.end()) == [200] * 4 + [503] * 6
    for number in range(4):
        await desk.ask(f"again {number}")
    assert (await desk.end())[10:] == [200] * 4


async def test_a_place_is_not_handed_to_who_is_leaving_in_that_moment() -> None:
    desk = Desk(at_once=1, waiting=2)
    for name in ("first", "second", "third"):
        await desk.ask(name)
    await desk.go_on_while_leaving("first", "second")
    assert desk.begun == ["first", "third"]
    assert await desk.end() == [200, 200]
    await desk.ask("fourth")
    assert desk.begun[-1] == "fourth", "no place is lost"
    assert await desk.end() == [200] * 3
