"""Find what looks like a payment card number in free text, so that it is refused before it is kept anywhere.

A card number is a Luhn-valid sequence of 13 to 19 digits with an issuer's first digits (ISO/IEC 7812-1), written as
one group of digits or as several with up to three marks between. Finding none proves nothing: digits in words, glued
to other digits, between letters, or split over two fields, pass.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from .errors import CardNumberNotAccepted

RUN: Final = re.compile(r"[0-9]+(?:[^0-9A-Za-z]{1,3}[0-9]+)*")
PARTS: Final = re.compile(r"([^0-9]*)([0-9]+)")
ENOUGH: Final = re.compile(r"[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){12}")
"""Digits enough for the shortest; most texts have none, and are done with at once."""
PLAIN: Final = re.compile(r"[ ./_-]*")
"""Between the groups of a card number however long those are; any other mark, which lists, times and amounts are full
of, only where the groups are those that cards bear."""
BLANK: Final = frozenset({"Zs", "Pd", "Cf", "Mn", "Me"})
"""Unicode's categories of blanks, dashes and what has no width of its own."""
GROUPED: Final = re.compile("444[1-4]|4444[1-3]|46[45]|1{13,19}")
"""The lengths of the groups that cards bear: by four, as American Express and Diners Club have them, or one by one."""
ISSUER: Final = re.compile(r"4|5[0-9]|6|3[0-9]")
TWO_SERIES: Final = re.compile(r"222[1-9]|22[3-9]|2[3-6]|27[01]|2720")
"""Mastercard's second range, always of 16 digits; a gateway's references of 18 digits may open the same way."""
LENGTHS: Final = range(13, 20)
DOUBLED: Final = str.maketrans("0123456789", "0246813579")
"""The sum of the digits of twice each digit."""


def holds_card_number(text: str) -> bool:
    """Whether a card number stands in ``text``, in the digits of any script."""
    plain = _plain(text)
    return ENOUGH.search(plain) is not None and any(_holds(run[0]) for run in RUN.finditer(plain))


def refuse_card_numbers(*texts: str) -> None:
    """Raises:
    CardNumberNotAccepted: one of them holds one.
    """
    if any(holds_card_number(text) for text in texts):
        raise CardNumberNotAccepted


def without_card_numbers(text: str, instead: str) -> str:
    """``text`` with ``instead`` where a card number stood, and the numbers next to it."""
    plain = _plain(text)
    if ENOUGH.search(plain) is None:
        return text
    kept, end = "", 0
    for run in RUN.finditer(plain):
        if _holds(run[0]):
            kept, end = kept + text[end : run.start()] + instead, run.end()
    return kept + text[end:]


def _plain(text: str) -> str:
    """Character for character: digits of any script in ASCII, and of the rest only what kind it is."""
    return text if text.isascii() else "".join(char if char.isascii() else _kind(char) for char in text)


def _kind(char: str) -> str:
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    if char.isalnum():
        return "x"
    return " " if unicodedata.category(char) in BLANK else ","


def _holds(run: str) -> bool:
    return any(_is_issued(digits) and _luhn(digits) for digits in _spans(PARTS.findall(run)))


def _is_issued(digits: str) -> bool:
    return bool(ISSUER.match(digits)) or (len(digits) == 16 and bool(TWO_SERIES.match(digits)))


def _spans(parts: list[tuple[str, str]]) -> Iterator[str]:
    """Neighbouring groups joined, where together they may be written as a card number is; each after what is before."""
    for start in range(len(parts)):
        digits, lengths, is_plain = "", "", True
        for between, group in parts[start : start + LENGTHS[-1]]:
            is_plain = is_plain and (not digits or PLAIN.fullmatch(between) is not None)
            digits += group
            if len(digits) > LENGTHS[-1]:
                break
            lengths += str(len(group)) if len(group) < 10 else "x"
            if len(digits) in LENGTHS and (is_plain or GROUPED.fullmatch(lengths)):
                yield digits


def _luhn(digits: str) -> bool:
    doubled = digits[-2::-2].translate(DOUBLED)
    return (sum(map(int, digits[-1::-2])) + sum(map(int, doubled))) % 10 == 0
