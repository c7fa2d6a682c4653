"""What is known of the shop's endpoint, kept for each mode by itself."""

from backend.clock import SystemClock
from backend.domain.endpoint_health import WELL
from backend.domain.terms import Mode
from backend.service.endpoint_record import EndpointRecord
from backend.stores import MemoryStore


async def test_pausing_the_trial_shop_leaves_the_real_one_alone() -> None:
    store, clock = MemoryStore(), SystemClock()
    trial, real = (EndpointRecord(store, clock, mode) for mode in (Mode.INTEGRATION, Mode.PRODUCTION))
    await trial.pause("olive", "it moves")
    assert (await trial.health()).paused_by == "olive"
    assert await real.health() == WELL
