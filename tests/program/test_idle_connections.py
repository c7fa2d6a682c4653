"""Which connections are ended: those that say nothing for too long, sooner where places are few."""

from dataclasses import dataclass, field

import pytest

from backend.cli.http.flow import LONGEST_UNREAD_SECONDS
from backend.cli.http.idle_connections import CROWDED_SECONDS, IDLE_SECONDS, IdleConnections


@dataclass
class Cycle:
    response_complete: bool = False


@dataclass
class Transport:
    is_closed: bool = False
    is_aborted: bool = False
    unread: int = 0

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = True

    def get_write_buffer_size(self) -> int:
        return self.unread


@dataclass(eq=False)
class Connection:
    """What is looked at of uvicorn's own."""

    cycle: Cycle | None = None
    transport: Transport = field(default_factory=Transport)


@pytest.mark.parametrize(("most", "patience"), [(2, IDLE_SECONDS), (1, CROWDED_SECONDS)])
def test_a_connection_that_says_nothing_is_ended(most: int, patience: float) -> None:
    idle, silent = IdleConnections(most), [Connection(), Connection(Cycle(response_complete=True))]
    for now in (0.0, patience - 0.1):
        idle.end(silent, now)
        assert not any(connection.transport.is_closed for connection in silent)
    idle.end(silent, patience)
    assert all(connection.transport.is_closed for connection in silent)


def test_a_connection_whose_request_is_worked_on_is_left_alone() -> None:
    idle, busy = IdleConnections(0), Connection(Cycle())
    for now in (0.0, 100.0):
        idle.end([busy], now)
    assert not busy.transport.is_closed


def test_a_connection_that_was_closed_and_reads_nothing_of_its_last_answer_is_aborted() -> None:
    idle, connection = IdleConnections(10), Connection(Cycle(response_complete=True), Transport(unread=2000))
    idle.end([connection], 0.0)
    connection.transport.unread = 1000
    for now in (1.0, 1.0 + IDLE_SECONDS, 0.9 + IDLE_SECONDS + LONGEST_UNREAD_SECONDS):
        idle.end([connection], now)
        assert not connection.transport.is_aborted
    assert connection.transport.is_closed
    idle.end([connection], 1.0 + IDLE_SECONDS + LONGEST_UNREAD_SECONDS)
    assert connection.transport.is_aborted


def test_a_new_request_on_an_old_connection_has_all_of_its_time() -> None:
    idle, connection = IdleConnections(10), Connection()
    idle.end([connection], 0.0)
    connection.cycle = Cycle(response_complete=True)
    idle.end([connection], IDLE_SECONDS)
    idle.end([connection], 2 * IDLE_SECONDS - 0.1)
    assert not connection.transport.is_closed
    idle.end([connection], 2 * IDLE_SECONDS)
    assert connection.transport.is_closed
