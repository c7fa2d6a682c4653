"""JSON read so that no number passes through a float and nothing is silently dropped.

Refused: duplicate keys (readers disagree on which wins), NaN and infinities, text that is not UTF-8, lone
surrogates and NUL characters (stores disagree on them), and nesting too deep to be honest.
"""

import json
from collections.abc import Sequence
from typing import Final, NoReturn, TypeAlias

from msgspec import Struct

from .errors import InvalidJson
from .texts import is_whole

LONGEST_INTEGER = 18
"""Digits; a longer integer stays text, as no field of ours is that large and parsing it costs time."""

DEEPEST = 32


class NumberText(Struct, frozen=True):
    """A JSON number that is no small integer, kept letter by letter."""

    text: str


ExactJson: TypeAlias = "None | bool | int | str | NumberText | list[ExactJson] | dict[str, ExactJson]"


def loads(body: bytes) -> ExactJson:
    """Parse ``body`` strictly.

    Raises:
        InvalidJson: the message says why, without repeating the body.
    """
    try:
        text = body.decode("utf-8")
        if text.startswith("\ufeff"):
            raise InvalidJson("it begins with a byte order mark (BOM)")
        value: ExactJson = _DECODER.decode(text)
        if _may_be_wrong(text):
            _check(value, DEEPEST)
    except UnicodeDecodeError:
        raise InvalidJson("it is not UTF-8 text") from None
    except RecursionError:
        raise InvalidJson("it is nested too deeply") from None
    except json.JSONDecodeError as exc:
        raise InvalidJson(f"{exc.msg} at line {exc.lineno}, column {exc.colno}") from None
    return value


def _integer(digits: str) -> int | NumberText:
    return int(digits) if len(digits) <= LONGEST_INTEGER and digits != "-0" else NumberText(digits)


def _no_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is no JSON number")


def _object(pairs: Sequence[tuple[str, ExactJson]]) -> dict[str, ExactJson]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJson("a key stands twice in one object")
    return found


def _may_be_wrong(text: str) -> bool:
    """Only an escape makes a NUL or half a pair, and only so many brackets can be nested too deeply."""
    return "\\u" in text or text.count("{") + text.count("[") >= DEEPEST


def _check(value: ExactJson, levels_left: int) -> None:
    if levels_left == 0:
        raise InvalidJson("it is nested too deeply")
    match value:
        case str():
            _check_text(value)
        case list():
            for item in value:
                _check(item, levels_left - 1)
        case dict():
            for key, item in value.items():
                _check_text(key)
                _check(item, levels_left - 1)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise InvalidJson("a text holds a NUL character")
    if not is_whole(text):
        raise InvalidJson("a text holds half of a surrogate pair")


_DECODER: Final = json.JSONDecoder(
    parse_float=NumberText, parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_object
)
"""One for all: making one costs as much as reading a small body."""
