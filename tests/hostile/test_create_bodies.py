"""Bodies for ``POST /api/payment/create``: amounts, texts and JSON that somebody hopes to get past the door."""

import json
from typing import Any

import pytest

from tests.api.program import CREATE, Program, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

AMOUNTS = {
    "zero": "0", "zero with decimals": "0.00", "zero in quotes": '"0"', "negative": "-1", "negative in quotes": '"-1"',
    "minus zero": "-0", "minus zero in quotes": '"-0.00"', "exponent": "1e3", "capital exponent": "1E3",
    "negative exponent": "1e-1", "tiny exponent": "1e-400", "huge exponent": "1e400", "exponent in quotes": '"1e3"',
    "three decimals": "10.001", "many decimals": "10.000000000000000000001", "true": "true", "false": "false",
    "null": "null", "list": "[10]", "object": '{"$gt": 0}', "empty": '""', "blank": '" "', "plus": '"+10"',
    "leading blank": '" 10"', "trailing newline": '"10\\n"', "hex": '"0x10"', "underscore": '"1_000"',
    "thousands": '"1,000.00"', "decimal comma": '"10,00"', "arabic digits": '"\\u0661\\u0660"',
    "full-width digits": '"\\uff11\\uff10"', "superscript": '"10\\u00b2"', "fraction": '"1/2"', "word": '"ten"',
    "no integer part": '".5"', "no decimals after the point": '"10."', "two points": '"1.0.0"',
    "NaN in quotes": '"NaN"', "infinity in quotes": '"Infinity"', "currency sign": '"\\u00a310"',
    "beyond the limit": "1000000000000", "nineteen digits": "1" * 19, "four thousand digits": "9" * 4000,
    "four thousand digits in quotes": '"' + "9" * 4000 + '"', "right-to-left": '"\\u202e01"', "sql": '"1; DROP TABLE"',
    "a card number": '"4111111111111111"',
}  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {
    "control character in the name": ("customer_name", "Eve\u0007"),
    "line feed in the name": ("customer_name", "Eve\nSet-Cookie: a=b"),
    "carriage return in the name": ("customer_name", "Eve\r\nHTTP/1.1 200"),
    "escape sequence in the name": ("customer_name", "\u001b[2JEve"),
    "delete character in the name": ("customer_name", "Eve\u007f"),
    "empty name": ("customer_name", ""),
    "endless name": ("customer_name", "x" * 201),
    "card number in the name": ("customer_name", "4111111111111111"),
    "card number with blanks": ("customer_name", "4111 1111 1111 1111"),
    "card number with dashes": ("customer_name", "Eve 4111-1111-1111-1111"),
    "card number in full-width digits": ("customer_name", "４１１１１１１１１１１１１１１１"),
    "American Express in the name": ("customer_name", "3782 822463 10005"),
    "card number in the description": ("description", "pay with 5500000000000004"),
    "endless description": ("description", "x" * 501),
    "card number as reference": ("order_reference", "4111111111111111"),
    "reference with a blank": ("order_reference", "A 1"),
    "reference with a quote": ("order_reference", "A'1"),
    "reference with markup": ("order_reference", "<b>"),
    "reference with the mark of a second attempt": ("order_reference", "A~2"),
    "reference with a NoSQL operator": ("order_reference", "$ne"),
    "reference with a percent sign": ("order_reference", "%2e%2e"),
    "reference with a line feed at its end": ("order_reference", "A\n"),
    "reference in another alphabet": ("order_reference", "\u0410"),
    "reference with a right-to-left mark": ("order_reference", "A\u202eB"),
    "reference of 36 characters": ("order_reference", "A" * 36),
    "empty reference": ("order_reference", ""),
    "e-mail without a host": ("customer_email", "eve"),
    "e-mail with two addresses": ("customer_email", "a@example.com, b@example.com"),
    "e-mail with a line feed": ("customer_email", "eve@example.com\nBcc: all@example.com"),
    "endless e-mail": ("customer_email", "e" * 250 + "@example.com"),
    "slow e-mail": ("customer_email", "a" * 60 + "@" + "a." * 90 + " "),
    "currency in small letters": ("currency", "gbp"),
    "currency that is none": ("currency", "ZZZ"),
    "currency with a blank": ("currency", "GBP "),
    "currency in look-alike letters": ("currency", "G\u0412P"),
    "currency as markup": ("currency", "<x>"),
    "locale with a path": ("locale", "../../etc"),
    "a field of ours": ("status", "paid"),
    "another field of ours": ("captured_minor", "1000"),
    "an owner": ("owner", "bob"),
    "a prototype": ("__proto__", "x"),
}

RAW: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 422, "invalid-request"),
    "not JSON": (b"amount=10", 400, "invalid-json"),
    "cut off": (b'{"amount": 10', 400, "invalid-json"),
    "a comment": (b'{"amount": 10 /* x */}', 400, "invalid-json"),
    "a trailing comma": (b'{"amount": 10,}', 400, "invalid-json"),
    "two documents": (b"{}{}", 400, "invalid-json"),
    "NaN": (b'{"amount": NaN}', 400, "invalid-json"),
    "infinity": (b'{"amount": Infinity}', 400, "invalid-json"),
    "a key twice": (b'{"amount": 10, "amount": 1}', 400, "invalid-json"),
    "a key twice by escape": (b'{"amount": 10, "\\u0061mount": 1}', 400, "invalid-json"),
    "NUL in a text": (b'{"order_reference": "A\\u0000"}', 400, "invalid-json"),
    "NUL in a key": (b'{"a\\u0000": 1}', 400, "invalid-json"),
    "a raw NUL": (b'{"order_reference": "A\x00"}', 400, "invalid-json"),
    "a lone surrogate": (b'{"order_reference": "\\ud800"}', 400, "invalid-json"),
    "not UTF-8": (b'{"order_reference": "\xff"}', 400, "invalid-json"),
    "an overlong encoding": (b'{"order_reference": "\xc0\xaf"}', 400, "invalid-json"),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400, "invalid-json"),
    "UTF-16": ("{}".encode("utf-16"), 400, "invalid-json"),
    "deep lists": (b"[" * 30_000 + b"]" * 30_000, 400, "invalid-json"),
    "deep objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "invalid-json"),
    "a list": (b"[]", 422, "invalid-request"),
    "a text": (b'"x"', 422, "invalid-request"),
    "null": (b"null", 422, "invalid-request"),
    "a number": (b"1", 422, "invalid-request"),
    "an empty object": (b"{}", 422, "invalid-request"),
    "thousands of keys": (json.dumps({f"k{n}": n for n in range(4000)}).encode(), 422, "invalid-request"),
    "64 KiB and one byte": (b" " * (64 * 1024 + 1), 413, "body-too-large"),
}

CANARY = "4111"
"""What must not come back: nobody learns from an error what he may have typed by mistake."""


def changed(**fields: Any) -> bytes:
    return json.dumps(CREATE | {"order_reference": "HOSTILE"} | fields).encode()


async def unmoved(here: Program) -> None:
    assert (await here.order("HOSTILE")).status_code == 404


@pytest.mark.parametrize("case", AMOUNTS)
async def test_no_amount_gets_in_that_is_not_plain_and_payable(here: Program, case: str) -> None:
    body = changed(amount="@").replace(b'"@"', AMOUNTS[case].encode())
    answer = problem(await here.create_raw(body), 422, "invalid-request")
    assert CANARY not in json.dumps(answer)
    assert len(json.dumps(answer)) < 2000, "a long input is not repeated"
    await unmoved(here)


@pytest.mark.parametrize("case", TEXTS)
async def test_no_text_gets_in_that_is_not_what_its_field_is_for(here: Program, case: str) -> None:
    field, text = TEXTS[case]
    response = await here.create_raw(changed(**{field: text}))
    answer = problem(response, 422, "invalid-request")
    assert CANARY not in response.text
    assert "\n" not in answer["detail"]
    await unmoved(here)


@pytest.mark.parametrize("case", RAW)
async def test_no_body_gets_in_that_can_be_read_in_two_ways(here: Program, case: str) -> None:
    body, status, slug = RAW[case]
    problem(await here.create_raw(body), status, slug)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/html", "image/png"]
)
async def test_what_a_form_of_another_site_can_send_is_not_read(here: Program, media_type: str) -> None:
    problem(await here.create_raw(changed(), **{"Content-Type": media_type}), 415, "wrong-media-type")
    await unmoved(here)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "identity, gzip"])
async def test_a_compressed_body_is_not_unpacked(here: Program, encoding: str) -> None:
    problem(await here.create_raw(changed(), **{"Content-Encoding": encoding}), 415, "wrong-media-type")


@pytest.mark.parametrize(
    ("currency", "amount", "status"),
    [("JPY", "10", 200), ("JPY", "10.5", 422), ("JPY", "10.00", 200), ("BHD", "1.234", 200), ("BHD", "1.2345", 422)],
)
async def test_each_currency_has_its_own_decimals(here: Program, currency: str, amount: str, status: int) -> None:
    reference = f"DECIMALS-{currency}-{amount}"
    response = await here.create_raw(changed(currency=currency, amount=amount, order_reference=reference))
    assert response.status_code == status, response.text


SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize("field", ["customer_name", "description"])
async def test_markup_is_text_and_comes_back_as_text(here: Program, field: str) -> None:
    reference = f"MARKUP-{field[-4:]}"
    response = await here.create_raw(changed(**{field: SCRIPT, "order_reference": reference}))
    assert response.status_code == 200, response.text
    page = await here.client.get(f"/api/payment/success?ref={reference}", headers={"Accept": "text/html"})
    assert SCRIPT not in page.text
