from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from iso4217 import Currency as IsoCurrency

from backend.domain.errors import InvalidAmount, UnknownCurrency
from backend.domain.money import EXPONENTS, MAX_MINOR, CurrencyCode, Money, parse_currency

GBP, JPY, KWD = CurrencyCode("GBP"), CurrencyCode("JPY"), CurrencyCode("KWD")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("10.00", GBP, 1000),
        ("10", GBP, 1000),
        ("10.5", GBP, 1050),
        ("0.01", GBP, 1),
        ("19.99", GBP, 1999),
        ("1.05", GBP, 105),
        ("10.0000", GBP, 1000),
        ("500", JPY, 500),
        ("500.00", JPY, 500),
        ("1.234", KWD, 1234),
        ("999999999999.99", GBP, 99999999999999),
    ],
)
def test_amounts_are_read_exactly(text: str, currency: CurrencyCode, minor: int) -> None:
    assert Money.from_wire(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-1",
        "+1",
        "1.",
        ".5",
        "1e3",
        "1E3",
        "NaN",
        "Infinity",
        "1,000.00",
        "1 000",
        "0x10",
        "10.001",
        "1_0",
        "1\n",
        "١٠",
        "１０",
        "1.00001",
        "9" * 14,
        "10.00.00",
        "£10",
        "--1",
        "1.0e0",
    ],
)
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        Money.from_wire(text, GBP)


@pytest.mark.parametrize("text", ["92233720368547758.07", "1" + "0" * 13, "9" * 40, "0001000000000000.5"])
def test_an_amount_of_too_many_digits_is_told_the_most_that_it_may_be(text: str) -> None:
    with pytest.raises(InvalidAmount, match=r"at most 10000000000\.00 GBP"):
        Money.from_wire(text, GBP)


@pytest.mark.parametrize("text", ["9" * 13 + "x", "0" * 14, "0" * 14 + "1", "9" * 13 + ".", "9" * 13 + ".12345"])
def test_digits_that_are_no_amount_are_told_how_to_write_one(text: str) -> None:
    with pytest.raises(InvalidAmount, match=r"plain digits with at most 2 decimals, such as 10 or 10\.00"):
        Money.from_wire(text, GBP)


def test_a_currency_without_decimals_takes_none() -> None:
    with pytest.raises(InvalidAmount, match=r"no decimals, such as 10$"):
        Money.from_wire("500.5", JPY)


@given(st.sampled_from(sorted(EXPONENTS)), st.integers(0, MAX_MINOR))
@example("JPY", MAX_MINOR)
def test_every_amount_survives_the_wire(code: str, minor: int) -> None:
    money = Money(minor, parse_currency(code))
    assert Money.from_wire(money.to_wire(), money.currency) == money


@given(st.text(max_size=20))
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    try:
        money = Money.from_wire(text, GBP)
    except InvalidAmount:
        return
    assert Decimal(money.to_wire()) == Decimal(text)


def test_the_currencies_are_those_of_iso_4217() -> None:
    known = {currency.code: currency.exponent for currency in IsoCurrency}
    assert {code: known[code] for code in EXPONENTS if code in known} == {
        code: exponent for code, exponent in EXPONENTS.items() if code in known
    }
    assert set(EXPONENTS) - set(known) == set()


@pytest.mark.parametrize("code", ["gbp", "GB", "GBPP", "", "XXX", "XAU", "£££", "ＧＢＰ"])
def test_what_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        parse_currency(code)
