"""Statuses that a gateway told and no adapter knows, counted for whoever watches the program.

The orders concerned say so themselves (case ``status_unknown``); the count shows that a gateway has learned a new word.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from ..domain.facts import JobSnapshot

log = logging.getLogger(__name__)

MOST_WORDS: Final = 50
OTHER: Final = "other"
"""Stands for all further words: what a gateway writes must not grow without bound here."""


class UnknownStatuses:
    """How often each word was read by this process."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """By gateway and word."""
        return self._counts

    def by_gateway(self, names: Iterable[str]) -> Mapping[str, int]:
        return {name: sum(number for (at, _), number in self._counts.items() if at == name) for name in names}

    def note(self, gateway: str, snapshot: JobSnapshot) -> None:
        for fact in snapshot.payments:
            if fact.payment_reference in snapshot.not_understood:
                self._count(gateway, fact.evidence.wording)

    def _count(self, gateway: str, word: str) -> None:
        if (gateway, word) not in self._counts:
            log.warning("gateway %s told a status that nobody here knows: %s", gateway, word)
            if len(self._counts) >= MOST_WORDS:
                word = OTHER
        self._counts[gateway, word] += 1
