"""Rules for text that people write and that is kept for ever, the same at every door: API, console, command line."""

from typing import Final

SHORTEST_REASON: Final = 3
LONGEST_REASON: Final = 500


def is_whole(text: str) -> bool:
    """Whether no half of a surrogate pair stands in it, which no store and no digest takes."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
