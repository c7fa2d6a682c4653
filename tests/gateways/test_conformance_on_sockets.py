"""The same checks with the simulator on the far side of a real socket, and the network as the program uses it."""

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Self

import httpx
import uvicorn
from starlette.types import ASGIApp

from backend.conformance.cashflows import CashflowsHarness
from backend.conformance.checks.creating import CreatingChecks
from backend.conformance.checks.operations import OperationChecks
from backend.conformance.suite import GatewayConformance
from backend.gateways.exchange import NoAnswer, NothingSent
from backend.gateways.http import CONNECT_SECONDS
from backend.gateways.network import Network


class Server(uvicorn.Server):
    """Runs while its context lasts, and ends at once: a check takes less time than uvicorn's pause between looks."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, lifespan="off"))
        self._listening = listening
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.serve([self._listening]))
        while not self.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.force_exit = True
        self._over.set()
        await self._task

    async def main_loop(self) -> None:
        await self._over.wait()


class ToPort(httpx.AsyncBaseTransport):
    """The network, in which every name leads to a port of this machine; with the checks' wire around it."""

    def __init__(self, port: int) -> None:
        self._network = Network()
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url.copy_with(host="127.0.0.1", port=self._port))
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        try:
            reply = await self._network(request.method, url, request.content, headers, CONNECT_SECONDS)
        except NothingSent as exc:
            raise httpx.ConnectError(str(exc)) from exc
        except NoAnswer as exc:
            raise httpx.ReadError(str(exc)) from exc
        return httpx.Response(reply.status, content=reply.body)

    async def aclose(self) -> None:
        await self._network.aclose()


class SocketHarness(CashflowsHarness):
    async def __aenter__(self) -> Self:
        self._open = AsyncExitStack()
        listening = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._port = listening.getsockname()[1]
        await self._open.enter_async_context(Server(self._simulator.app, listening))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()
        await super().__aexit__(*error)

    def network(self) -> httpx.AsyncBaseTransport:
        return ToPort(self._port)

    def holding(self) -> "SocketHarness":
        return SocketHarness(self._scheme, auto_capture=False)


class TestCashflowsHmacSha256OnSockets(CreatingChecks, OperationChecks):
    """What changes something; the rest is the same call in both schemes, and signs nothing else."""

    def make_harness(self) -> SocketHarness:
        return SocketHarness("hmac-sha256")


class TestCashflowsSha512OnSockets(GatewayConformance):
    def make_harness(self) -> SocketHarness:
        return SocketHarness("sha512")
