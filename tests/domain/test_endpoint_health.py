"""When the shop's endpoint counts as failing, and when nothing more is sent to it."""

from datetime import timedelta

from backend.domain.endpoint_health import PAUSE_AFTER, WELL, EndpointHealth, after_failure, after_success

from .builders import NOW


def test_the_first_failure_is_remembered_with_what_it_met_and_later_ones_change_nothing() -> None:
    failing = after_failure(WELL, NOW, "answered 500", is_gone=False)
    assert failing == EndpointHealth(failing_since=NOW, why="answered 500")
    later = NOW + PAUSE_AFTER - timedelta(microseconds=1)
    assert after_failure(failing, later, "answered 502", is_gone=False) is failing
    assert after_success(failing) == WELL


def test_one_that_has_taken_nothing_for_days_is_paused_and_says_since_when_and_why() -> None:
    failing = after_failure(WELL, NOW, "answered 500", is_gone=False)
    paused = after_failure(failing, NOW + PAUSE_AFTER, "no answer", is_gone=False)
    assert (paused.failing_since, paused.paused_at, paused.paused_by) == (NOW, NOW + PAUSE_AFTER, "rules")
    assert paused.why == f"it has taken nothing since {NOW:%Y-%m-%d %H:%M} UTC; last answer: no answer"
    assert after_failure(paused, NOW + 2 * PAUSE_AFTER, "answered 500", is_gone=False) is paused
    assert after_success(paused) is paused, "what was on its way proves nothing"


def test_one_that_says_that_it_is_gone_is_paused_at_once() -> None:
    gone = after_failure(WELL, NOW, "answered 410", is_gone=True)
    assert (gone.failing_since, gone.paused_at, gone.why) == (
        NOW,
        NOW,
        "it says that it is gone; last answer: answered 410",
    )
