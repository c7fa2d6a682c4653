from datetime import UTC, datetime

from msgspec.structs import replace

from backend.domain.deliveries import Delivery, DeliveryId
from backend.domain.model import OrderId
from backend.domain.references import JobReference
from backend.domain.terms import Mode
from backend.service import sightings
from backend.service.sightings import Sightings

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ORDER, JOB = OrderId("mock/TEST-001"), JobReference("77")


def hint(name: str = "hint", received: int = 1, attempts: int = 1) -> Delivery:
    return Delivery(
        id=DeliveryId(name),
        mode=Mode.MOCK,
        gateway="cashflows",
        body=b"",
        headers=(),
        first_at=NOON,
        last_at=NOON,
        received=received,
        attempts=attempts,
        next_try_at=NOON,
    )


def test_an_answer_to_a_question_from_after_a_hint_was_seen_answers_for_it() -> None:
    asked = Sightings()
    early, late = hint("early"), hint("late")
    asked.see([early])
    question = asked.ask()
    asked.see([early, late])
    assert not asked.was_answered_since(early, ORDER, JOB), "nobody answered yet"
    asked.answer(ORDER, JOB, question)
    assert asked.was_answered_since(early, ORDER, JOB)
    assert not asked.was_answered_since(late, ORDER, JOB), "the question may be older than the hint"
    assert not asked.was_answered_since(early, ORDER, JobReference("78"))
    assert not asked.was_answered_since(early, OrderId("mock/TEST-002"), JOB)


def test_an_older_answer_that_comes_late_takes_no_newer_one_back() -> None:
    asked = Sightings()
    first = asked.ask()
    asked.see([hint()])
    second = asked.ask()
    asked.answer(ORDER, JOB, second)
    asked.answer(ORDER, JOB, first)
    assert asked.was_answered_since(hint(), ORDER, JOB)


def test_a_hint_that_came_again_or_was_replayed_is_seen_anew() -> None:
    asked = Sightings()
    asked.see([hint()])
    asked.answer(ORDER, JOB, asked.ask())
    asked.see([hint(received=2)])
    assert not asked.was_answered_since(hint(received=2), ORDER, JOB)
    assert asked.was_answered_since(hint(), ORDER, JOB)
    asked.see([hint(attempts=0)])
    assert not asked.was_answered_since(hint(), ORDER, JOB)


def test_what_is_kept_is_bounded_and_what_is_forgotten_is_asked_again() -> None:
    asked = Sightings()
    many = [replace(hint(), id=DeliveryId(f"{n}")) for n in range(sightings.MOST_KEPT + 1)]
    asked.see(many)
    asked.answer(ORDER, JOB, asked.ask())
    assert not asked.was_answered_since(many[0], ORDER, JOB)
    assert asked.was_answered_since(many[1], ORDER, JOB)
