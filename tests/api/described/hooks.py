"""What a JSON Schema cannot say of a request, seen to in those that are made to be right; wrong ones stay as they are.

- An amount has no more decimals than its currency, and its number is written in decimals: a drawn float may have more.
- The lines of a checkout sum up to what one order may have.
- A search by amount names the currency; a cursor is one that a page before gave.
- An idempotency key is new, and a whole number is written without a point.
"""

import base64
from decimal import ROUND_DOWN, Decimal
from itertools import count
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.case import Case

Json = dict[str, Any]

MOST_MINOR: Final = 10**12
NO_DECIMALS: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMALS: Final = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
KEY: Final = "Idempotency-Key"
LONGEST_KEY: Final = 255

numbers = count(1)

schemathesis.openapi.format(
    "cursor",
    st.datetimes().map(lambda at: base64.urlsafe_b64encode(f"{at.isoformat()}+00:00 mock/TEST-001".encode()).decode()),
)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Case[Any], kwargs: Json) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.headers and KEY in case.headers:
        case.headers[KEY] = new(case.headers[KEY])
    if isinstance(case.body, dict):
        body: Json = whole(case.body)
        fit_amounts(body)
        case.body = body
    if case.query and case.query.get("amount") is not None:
        case.query["currency"] = case.query.get("currency") or "GBP"
        case.query["amount"] = fit(case.query["amount"], case.query["currency"])


def new(key: str) -> str:
    """A key that no request had, and that looks like this one."""
    number, end = str(next(numbers)), '"' if key.startswith('"') else ""
    inside = key.removeprefix('"').removesuffix(end) if end else key
    return f"{end}{inside[: LONGEST_KEY - len(number)].rstrip(chr(92))}{number}{end}"


def fit_amounts(body: Json) -> None:
    currency = body.get("currency", "GBP")
    if body.get("amount") is not None:
        body["amount"] = fit(body["amount"], currency)
    lines = body.get("lines", [])
    for line in lines:
        line["unit_price"] = fit(line["unit_price"], currency)
    if sum(line["quantity"] * Decimal(str(line["unit_price"])) for line in lines) > most(currency):
        for line in lines:
            line["quantity"], line["unit_price"] = 1, "1"


def fit(amount: Any, currency: str) -> Any:
    """The nearest amount that the currency can have, as a number or a text, as it came."""
    unit = Decimal(1).scaleb(-decimals(currency))
    fitting = min(max(Decimal(str(amount)).quantize(unit, ROUND_DOWN), unit), most(currency))
    if isinstance(amount, str):
        return f"{fitting:f}"
    return int(fitting) if fitting == int(fitting) else float(fitting)


def decimals(currency: str) -> int:
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def whole(part: Any) -> Any:
    """The same, whole numbers without a point: to a schema 1.0 is an integer."""
    if isinstance(part, dict):
        return {name: whole(each) for name, each in part.items()}
    if isinstance(part, list):
        return [whole(each) for each in part]
    return int(part) if isinstance(part, float) and part.is_integer() else part


def most(currency: str) -> Decimal:
    exponent = decimals(currency)
    return Decimal(MOST_MINOR - 1).scaleb(-exponent)
