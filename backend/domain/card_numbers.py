"""Find what looks like a payment card number in free text, so that it is refused before it is kept anywhere.

A card number is a Luhn-valid sequence of 13 to 19 digits with an issuer's first digits (ISO/IEC 7812-1), written as
one group of digits or as several with a separator between. Finding none proves nothing: digits in words, glued to
other digits, or split over two fields, pass.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from .errors import CardNumberNotAccepted

RUN: Final = re.compile(r"[0-9]+(?:[ ./_-]{1,3}[0-9]+)*")
ENOUGH: Final = re.compile(r"[0-9](?:[ ./_-]{0,3}[0-9]){12}")
"""Digits enough for the shortest; most texts have none, and are done with at once."""
ISSUER: Final = re.compile(r"4|5[0-9]|6|3[0-9]")
TWO_SERIES: Final = re.compile(r"222[1-9]|22[3-9]|2[3-6]|27[01]|2720")
"""Mastercard's second range, always of 16 digits; a gateway's references of 18 digits may open the same way."""
LENGTHS: Final = range(13, 20)
DOUBLED: Final = str.maketrans("0123456789", "0246813579")
"""The sum of the digits of twice each digit."""


def holds_card_number(text: str) -> bool:
    """Whether a card number stands in ``text``, in the digits of any script."""
    plain = text if text.isascii() else "".join(_ascii_digit(char) for char in text)
    return ENOUGH.search(plain) is not None and any(
        _is_issued(digits) and _luhn(digits)
        for run in RUN.finditer(plain)
        for digits in _spans(re.findall("[0-9]+", run[0]))
    )


def refuse_card_numbers(*texts: str) -> None:
    """Raises:
    CardNumberNotAccepted: one of them holds one.
    """
    if any(holds_card_number(text) for text in texts):
        raise CardNumberNotAccepted


def without_card_numbers(text: str, instead: str) -> str:
    """``text`` with ``instead`` where a card number stood."""
    if ENOUGH.search(text) is None:
        return text
    return RUN.sub(lambda run: instead if holds_card_number(run[0]) else run[0], text)


def _is_issued(digits: str) -> bool:
    return bool(ISSUER.match(digits)) or (len(digits) == 16 and bool(TWO_SERIES.match(digits)))


def _spans(groups: list[str]) -> Iterator[str]:
    """Neighbouring groups joined, where together they have the length of a card number."""
    for start in range(len(groups)):
        for joined in accumulate(groups[start:]):
            if len(joined) in LENGTHS:
                yield joined
            elif len(joined) > LENGTHS[-1]:
                break


def _ascii_digit(char: str) -> str:
    digit = unicodedata.digit(char, None)
    return char if digit is None else str(digit)


def _luhn(digits: str) -> bool:
    doubled = digits[-2::-2].translate(DOUBLED)
    return (sum(map(int, digits[-1::-2])) + sum(map(int, doubled))) % 10 == 0
