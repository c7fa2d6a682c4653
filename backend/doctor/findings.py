"""What a check comes to."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"  # all right, and worth knowing
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """``said`` never holds a secret; ``todo`` is what to type or set, empty where nothing is wrong."""

    what: str
    level: Level
    said: str
    todo: str = ""


def ok(what: str, said: str) -> Finding:
    return Finding(what, Level.OK, said)


def note(what: str, said: str, todo: str = "") -> Finding:
    return Finding(what, Level.NOTE, said, todo)


def wrong(what: str, said: str, todo: str) -> Finding:
    return Finding(what, Level.WRONG, said, todo)
