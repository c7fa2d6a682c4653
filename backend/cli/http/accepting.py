"""Take many new connections in one turn of the event loop, however long the turn is.

libuv, below uvloop, takes one a turn, and a turn takes milliseconds when much is asked. Those who come meanwhile would
wait in the system's queue, for seconds, where nobody refuses them; also a gateway's webhooks, which mostly come on
connections of their own.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Final

TAKEN_AT_ONCE: Final = 32
"""Each takes up to 0.2 ms, which those who are known already wait for."""


class Taker:
    """Beside a server of the event loop's, on the same socket: takes those that it has left."""

    def __init__(self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._taking: set[asyncio.Task[object]] = set()
        self._loop.add_reader(listener, self._take)

    def _take(self) -> None:
        for _ in range(TAKEN_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody is left; or what is wrong is the server's to deal with, which is woken by it too
                return
            task = self._loop.create_task(self._loop.connect_accepted_socket(self._protocol, connection))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    def close(self) -> None:
        self._loop.remove_reader(self._listener)
        self._listener.close()


def takers(servers: Iterable[asyncio.Server], protocol: Callable[[], asyncio.Protocol]) -> list[Taker]:
    """One for each socket that ``servers`` listen on."""
    listeners = [each for server in servers for each in server.sockets]
    return [Taker(socket.fromfd(each.fileno(), each.family, each.type), protocol) for each in listeners]
