"""Which connections are ended: those that say nothing for too long, sooner where places are few."""

from dataclasses import dataclass, field

import pytest

from backend.cli.idle_connections import CROWDED_SECONDS, IDLE_SECONDS, IdleConnections


@dataclass
class Cycle:
    response_complete: bool = False


@dataclass
class Transport:
    is_closed: bool = False

    def close(self) -> None:
        self.is_closed = True


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


def test_a_new_request_on_an_old_connection_has_all_of_its_time() -> None:
    idle, connection = IdleConnections(10), Connection()
    idle.end([connection], 0.0)
    connection.cycle = Cycle(response_complete=True)
    idle.end([connection], IDLE_SECONDS)
    idle.end([connection], 2 * IDLE_SECONDS - 0.1)
    assert not connection.transport.is_closed
    idle.end([connection], 2 * IDLE_SECONDS)
    assert connection.transport.is_closed
