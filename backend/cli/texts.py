"""What people type that stands in histories for ever: held to what the API takes, before anything is done."""

import re
from typing import Final

import typer

from ..domain.card_numbers import holds_card_number
from ..domain.texts import LONGEST_REASON, SHORTEST_REASON, is_whole

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def fault(text: str, *, shortest: int) -> str | None:
    """What is wrong with a text, in words that do not hold it; None where nothing is. Blanks around it do not count."""
    if not shortest <= len(text.strip()) <= len(text) <= LONGEST_REASON:
        return f"must have {shortest} to {LONGEST_REASON} characters, and not only blanks"
    if CONTROL.search(text) is not None or not is_whole(text):
        return "must not contain control characters"
    if holds_card_number(text):
        return "must not contain a card number"
    return None


def reason(text: str) -> str:
    """For an option that must be given."""
    return _checked(text, SHORTEST_REASON)


def maybe(text: str) -> str:
    """For an option that may be left out."""
    return text and _checked(text, shortest=1)


def maybe_reason(text: str) -> str:
    return text and _checked(text, SHORTEST_REASON)


def _checked(text: str, shortest: int) -> str:
    why = fault(text, shortest=shortest)
    if why is not None:
        raise typer.BadParameter(why)
    return text
