"""Amounts: integers in minor units inside, exact decimal text on the wire, never a float.

Source: Cashflows developer pages, "Gateway API reference" (amountToCollect); ISO 4217 for the decimals.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from .refusals import bad_request

DECIMALS: Final[Mapping[str, int]] = {
    code: decimals
    for decimals, codes in {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
        2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE "
        "CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD "
        "HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP "
        "MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD "
        "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS "
        "VED VES WST XCD XCG YER ZAR ZMW ZWG",
        3: "BHD IQD JOD KWD LYD OMR TND",
        4: "CLF UYW",
    }.items()
    for code in codes.split()
}

PLAIN: Final = re.compile(r"[0-9]{1,13}(\.[0-9]{1,6})?")
LARGEST_MINOR: Final = 10**14


def parse_currency(value: object) -> str:
    code = value.strip().upper() if isinstance(value, str) else ""
    if code not in DECIMALS:
        raise bad_request("InvalidCurrency", "currency must be an ISO 4217 alphabetic code, such as GBP.")
    return code


def parse_amount(value: object, currency: str, field: str) -> int:
    """Read ``"10"``, ``"19.99"``, ``10`` or ``10.5`` as minor units; refuse what is not exact.

    Thousands separators are refused although one official sample writes them: no page documents them.
    """
    exact = _decimal(value)
    minor = None if exact is None else exact.scaleb(DECIMALS[currency])
    if minor is None or not 0 <= minor <= LARGEST_MINOR or minor != minor.to_integral_value():
        raise bad_request("InvalidAmount", f"{field} must be a plain amount in {currency}, such as 10.00.")
    return int(minor)


def format_amount(minor: int, currency: str) -> str:
    """``1000`` pence is ``"10.00"``."""
    decimals = DECIMALS[currency]
    if decimals == 0:
        return str(minor)
    whole, part = divmod(minor, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, str) and PLAIN.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and -20 < value.adjusted() < 20:
        return value
    return None
