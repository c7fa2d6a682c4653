"""The other side of the truth: the simulator, everything its ledger ever said, and every call that reached it."""

import asyncio
from collections import Counter
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import httpx

from backend.domain.statuses import PaymentStatus
from backend.simulator import Clock, Simulator, SimulatorSettings
from backend.simulator.model import Job, Payment, Status

from .clock import START

if TYPE_CHECKING:
    from datetime import datetime

    from .world import World

SENT_FOR: ContextVar[str | None] = ContextVar("sent_for", default=None)
"""What the call under way is for: the one name that must reach the gateway once at most."""

PROMPT: Final = (0.005, 0.15)
SLOW: Final = (0.3, 4.5)
LATE: Final = (5.5, 45.0)
"""Seconds on the wire; late is beyond every deadline of ours."""


class Bank:
    def __init__(self, world: "World", settings: SimulatorSettings, webhook_client: Any) -> None:
        self.jobs: dict[str, Job] = {}
        self.pages: dict[str, str] = {}
        self.arrived: Counter[str] = Counter()
        self.most_captured: Counter[str] = Counter()
        self.most_refunded: Counter[str] = Counter()
        self._world = world
        self.simulator = Simulator(settings, webhook_client=webhook_client, clock=Clock(self._now))
        ledger = self.simulator.ledger
        add = self._observed(ledger.add)
        kept_in_memory = {
            "add": lambda job: add(self._perhaps_other_money(job)),
            "save": self._observed(ledger.save),
            "job": self.jobs.get,
        }
        for name, call in kept_in_memory.items():
            setattr(ledger, name, call)
        for name in ("begin", "end"):
            setattr(self.simulator.journal, name, lambda *_, **__: 0)  # only its pages show it
        self.wire = Wire(world, self)

    def jobs_of(self, reference: str) -> list[Job]:
        """All jobs that bear the order's name, oldest first."""
        return [job for job in self.jobs.values() if job.order_number.partition("~")[0] == reference]

    def payment(self, reference: str) -> tuple[Job, Payment] | None:
        for job in self.jobs.values():
            payment = job.payment(reference)
            if payment is not None:
                return job, payment
        return None

    def refund_number_known(self, number: str) -> bool:
        return any(refund.number == number for j in self.jobs.values() for p in j.payments for refund in p.refunds)

    async def answer(self, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> httpx.Response:
        """One request through the simulator's ASGI application."""
        status, told, chunks = 500, [], []
        handed_over = False

        async def receive() -> dict[str, Any]:
            nonlocal handed_over
            if handed_over:
                await asyncio.Event().wait()
            handed_over = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status, told
            if message["type"] == "http.response.start":
                status, told = message["status"], message.get("headers", [])
            else:
                chunks.append(message.get("body", b""))

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("simulator", 80),
        }
        await self.simulator.app(scope, receive, send)
        return httpx.Response(status, headers=told, content=b"".join(chunks))

    def _observed(self, keep: Any) -> Any:
        def observed(job: Job) -> None:
            keep(job)
            self.jobs[job.reference] = job
            self.pages[job.page_reference] = job.reference
            for payment in job.payments:
                name = payment.reference
                self.most_captured[name] = max(self.most_captured[name], payment.captured_minor, payment.paid_minor)
                self.most_refunded[name] = max(self.most_refunded[name], payment.refunded_minor)

        return observed

    def _perhaps_other_money(self, job: Job) -> Job:
        """Now and then the gateway means another amount or currency than it was asked for."""
        if not self._world.chance.strikes("other_money"):
            return job
        self._world.saw("other_money")
        if self._world.chance.likely("other_money", 0.3):
            return replace(job, currency="USD" if job.currency != "USD" else "CHF")
        amount = job.amount_minor + self._world.chance.pick("other_money", (-50, 1, 100))
        payments = tuple(replace(payment, amount_minor=amount) for payment in job.payments)
        return replace(job, amount_minor=amount, payments=payments)

    def _now(self) -> "datetime":
        return self._world.clock.now()


class Wire(httpx.AsyncBaseTransport):
    """Between our processes and the gateway. What is sent arrives whether or not its sender still lives."""

    def __init__(self, world: "World", bank: Bank) -> None:
        self._world = world
        self._bank = bank

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reply: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self._world.spawn(self._carry(request, reply, SENT_FOR.get()))
        return await reply

    async def _carry(self, request: httpx.Request, reply: "asyncio.Future[httpx.Response]", about: str | None) -> None:
        chance = self._world.chance
        try:
            if chance.strikes("wire_refused"):
                raise httpx.ConnectError("connection refused")
            await asyncio.sleep(self._seconds())
            if chance.strikes("wire_lost"):
                raise httpx.ReadError("connection reset")
            response = await self._arrive(request, about)
            await asyncio.sleep(self._seconds())
            if chance.strikes("wire_answer_lost"):
                raise httpx.ReadError("connection reset")
        except httpx.HTTPError as exc:
            if not reply.done():
                reply.set_exception(exc)
            return
        if reply.done():
            self._world.saw("answer_too_late")
        else:
            reply.set_result(response)

    async def _arrive(self, request: httpx.Request, about: str | None) -> httpx.Response:
        bank = self._bank
        if request.method != "GET" and about is not None:
            self._world.reached("create" if about.startswith("payment job") else about.partition(" ")[0])
            bank.arrived[about] += 1
            if bank.arrived[about] > 1:
                self._world.violate("sent twice", f"{about} reached the gateway {bank.arrived[about]} times")
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        return await bank.answer(request.method, request.url.path, headers, request.content)

    def _seconds(self) -> float:
        chance = self._world.chance
        if chance.strikes("wire_late"):
            return chance.between("wire", *LATE)
        return chance.between("wire", *(SLOW if chance.strikes("wire_slow") else PROMPT))


def held(payment: Payment) -> PaymentStatus | None:
    """The money's whereabouts at the gateway, in our words, where it is with the merchant or reserved for him."""
    words = {Status.RESERVED: PaymentStatus.AUTHORIZED, Status.PAID: PaymentStatus.CAPTURED}
    return words.get(payment.status)


__all__ = ["SENT_FOR", "START", "Bank", "Wire", "held"]
