"""HTTP as uvicorn speaks it, with a limit for the head of a request, which it keeps in memory whatever its length."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES: Final = 64 * 1024
"""Address and headers; nginx takes 32 KiB unless told otherwise."""


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection on which the next request's head has grown beyond all use."""

    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head_bytes = 0  # a whole head came; what follows it is a body, with a limit of its own
        elif self._head_bytes > MOST_HEAD_BYTES:
            self.transport.abort()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._head_bytes = 0  # it may have been answered before it was whole, and what comes next is a head again
