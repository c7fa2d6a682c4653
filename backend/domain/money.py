"""Money is an integer of minor units and a currency; decimal text exists only on the wire.

Nothing here rounds: text that is not an exact number of minor units is refused.
"""

import re
from typing import Final, NewType

from msgspec import Struct

from .errors import AmountOutOfRange, InvalidAmount, UnknownCurrency

CurrencyCode = NewType("CurrencyCode", str)
"""An active ISO 4217 alphabetic code."""

WIRE_AMOUNT: Final = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,4}))?")  # no sign, exponent, NaN, blank or foreign digit

TOO_LARGE: Final = re.compile(r"0*[1-9][0-9]{12,}(?:\.[0-9]{1,4})?")

MAX_MINOR: Final = 10**12
"""The largest amount that one order may have, in minor units."""


class Money(Struct, frozen=True):
    minor: int
    currency: CurrencyCode

    @classmethod
    def from_wire(cls, text: str, currency: CurrencyCode) -> "Money":
        """Parse ``"12.34"`` exactly.

        Trailing zeros beyond the currency's decimals are exact, so ``"10.000"`` is ten pounds.

        Raises:
            InvalidAmount: not plain digits, or finer than the currency's minor unit.
            AmountOutOfRange: more digits than any amount has.
        """
        exponent = EXPONENTS[currency]
        match = WIRE_AMOUNT.fullmatch(text)
        if match is None and TOO_LARGE.fullmatch(text) is not None:
            raise AmountOutOfRange(str(cls(MAX_MINOR, currency)))
        if match is None:
            raise InvalidAmount(currency, exponent)
        whole, fraction = match[1], match[2] or ""
        if fraction[exponent:].strip("0"):
            raise InvalidAmount(currency, exponent)
        return cls(int(whole + fraction[:exponent].ljust(exponent, "0")), currency)

    @classmethod
    def whole(cls, units: int, currency: CurrencyCode) -> "Money":
        """``units`` pounds, yen or dinars."""
        return cls(units * 10 ** EXPONENTS[currency], currency)

    def to_wire(self) -> str:
        return wire_amount(self.minor, self.currency)

    def __str__(self) -> str:
        return f"{self.to_wire()} {self.currency}"


def wire_amount(minor: int, currency: CurrencyCode) -> str:
    """An amount in major units with all of the currency's decimals, ``"10.00"``."""
    exponent = EXPONENTS[currency]
    digits = str(minor).rjust(exponent + 1, "0")
    return f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits


def parse_currency(code: str) -> CurrencyCode:
    """Accept an active ISO 4217 code in capitals.

    Raises:
        UnknownCurrency: anything else, lower case included.
    """
    if code not in EXPONENTS:
        raise UnknownCurrency
    return CurrencyCode(code)


def _exponents() -> dict[str, int]:
    two = (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
        "CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
        "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
        "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE "
        "SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR "
        "ZMW ZWG"
    )
    none = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
    three = "BHD IQD JOD KWD LYD OMR TND"
    return {code: places for codes, places in ((two, 2), (none, 0), (three, 3)) for code in codes.split()}


EXPONENTS: Final = _exponents()
"""Decimals of each currency. Source: ISO 4217 list one; funds, metals and testing codes are left out."""
