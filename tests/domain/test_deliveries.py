"""A delivery is pending until all that was received of it is worked through."""

from msgspec.structs import replace

from backend.domain.deliveries import Delivery, delivery_id
from backend.domain.terms import Mode

from .builders import NOW


def test_what_is_settled_waits_for_nothing_and_counts_its_tries_anew() -> None:
    name = delivery_id(Mode.MOCK, "cashflows", b"{}")
    tried = Delivery(name, Mode.MOCK, "cashflows", b"{}", (), NOW, NOW, received=3, attempts=4, next_try_at=NOW)
    assert tried.is_pending
    settled = tried.settled("applied")
    assert not settled.is_pending
    assert (settled.done, settled.attempts, settled.next_try_at, settled.outcome) == (3, 0, None, "applied")
    assert replace(settled, received=4).is_pending
