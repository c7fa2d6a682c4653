"""Texts made to keep a search busy for ever: each pattern that meets what strangers write is done at once."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from pydantic import ValidationError

from backend.api.layers.idempotency import parse_key
from backend.api.schemas import CreatePayment
from backend.config import Settings
from backend.domain.card_numbers import holds_card_number, without_card_numbers
from backend.domain.errors import InvalidInput
from backend.domain.money import CurrencyCode, Money
from backend.domain.references import parse_order_reference, split_own_reference
from backend.observability.logs import scrubber
from tests.api.program import CREATE

LENGTH = 60_000
"""As long as a body may be."""
SECONDS = 1.0
"""All of them take milliseconds; a pattern that goes back over the text again and again takes minutes."""

TEXTS = {
    "digits": "4" * LENGTH,
    "digits and blanks": "4 " * (LENGTH // 2),
    "digits and many separators": "4 ./" * (LENGTH // 4),
    "nearly card numbers": "4111-1111-1111-1112 " * (LENGTH // 20),
    "digits of another script": "\u0664" * LENGTH,
    "dots": "." * LENGTH,
    "an e-mail without an end": "a@" + "a." * (LENGTH // 2),
    "many e-mails": "a@a.a" * (LENGTH // 5),
    "at signs": "@" * LENGTH,
    "tokens": "-eyJ" + "a" * 8 + ("-eyJ" + "a" * 8) * (LENGTH // 12),
    "tokens with dots": "eyJaaaaaaaa." * (LENGTH // 12),
    "hex": "a1" * (LENGTH // 2),
    "keys": "ok_" + "a" * LENGTH,
    "blanks": " " * LENGTH,
    "backslashes and quotes": '"' + '\\"' * (LENGTH // 2),
    "zeros": "0" * LENGTH + ".",
    "right-to-left marks": "\u202e" * LENGTH,
    "NULs": "\x00" * LENGTH,
}


def create(field: str, text: str) -> None:
    with suppress(ValidationError):
        CreatePayment.model_validate(CREATE | {field: text})


def parse(text: str) -> None:
    for read in (parse_order_reference, lambda each: Money.from_wire(each, CurrencyCode("GBP"))):
        with suppress(InvalidInput):
            read(text)
    split_own_reference(text)


def key(text: str) -> None:
    with suppress(Exception):
        parse_key([text])


READERS: dict[str, Callable[[str], object]] = {
    "card numbers": holds_card_number,
    "card numbers hidden": lambda text: without_card_numbers(text, "x"),
    "names and amounts": parse,
    "an e-mail field": lambda text: create("customer_email", text),
    "a name field": lambda text: create("customer_name", text),
    "a locale field": lambda text: create("locale", text),
    "an idempotency key": key,
    "what a log hides": scrubber(Settings(_env_file=None)),
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("reader", READERS)
def test_no_text_keeps_a_search_busy(reader: str, text: str) -> None:
    began = time.process_time()
    READERS[reader](TEXTS[text])
    assert time.process_time() - began < SECONDS
