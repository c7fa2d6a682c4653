"""Leave a gateway alone that answers nothing: for longer each time, until it answers again.

Each order backs off by itself, but thousands that fall due in an outage would still keep asking. It is about this
process alone; each of several keeps its own pace.
"""

from datetime import datetime, timedelta
from typing import Final

FIRST_REST: Final = timedelta(seconds=1)
LONGEST_REST: Final = timedelta(seconds=30)


class Easing:
    def __init__(self) -> None:
        self._answered = False
        self._unanswered = False
        self._rest = timedelta()
        self._rest_until: datetime | None = None

    def note(self, *, answered: bool) -> None:
        """What came of one question of the batch under way."""
        self._answered |= answered
        self._unanswered |= not answered

    def end_batch(self, now: datetime) -> None:
        """Rest where nothing at all was answered; one answer is enough to go on at once."""
        if self._answered:
            self._rest, self._rest_until = timedelta(), None
        elif self._unanswered:
            self._rest = min(max(2 * self._rest, FIRST_REST), LONGEST_REST)
            self._rest_until = now + self._rest
        self._answered = self._unanswered = False

    def most(self, batch: int, now: datetime) -> int:
        """How many to ask about now: none while resting, and only one to try whether it answers again."""
        if self._rest_until is None:
            return batch
        return 1 if now >= self._rest_until else 0
