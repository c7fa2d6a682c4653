"""Any bytes at all: a parser gives a value or its own error, and nothing else ever comes out of it.

A few dozen inputs each by default; ``make fuzz`` takes as many as wanted (EXAMPLES).
"""

import json
import os
from contextlib import suppress
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.api.errors import NotAuthenticated
from backend.api.tokens import TokenVerifier
from backend.config import Settings
from backend.domain import exact_json
from backend.domain.errors import InvalidInput, InvalidJson
from backend.domain.money import CurrencyCode, Money, parse_currency
from backend.domain.references import OwnReference, parse_order_reference, split_own_reference
from backend.gateways.cashflows.schemes import HmacSha256, Sha512
from backend.gateways.cashflows.wire import read_created, read_error_code, read_job
from backend.gateways.reading import WireError
from backend.ports import WebhookUnreadable

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "60"))

WORDS: Final = st.sampled_from(
    [
        "status", "event", "captured", "payment.captured", "paymentReference", "paymentJobReference", "orderReference",
        "amount", "currency", "GBP", "10.00", "Paid", "data", "payments", "reference", "amountToCollect", "links",
        "action", "url", "https://gateway.example/p", "order", "orderNumber", "paymentStatus", "refunds", "captures",
        "errorReport", "errors", "code", "notifyType", "260321000000000000",
    ]
)  # fmt: skip
LEAVES: Final = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | WORDS
TREES: Final = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=6), inner, max_size=6)
)
BODIES: Final = (
    st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | TREES.map(lambda tree: json.dumps(tree).encode())
)

many = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)


@many
@given(BODIES)
@pytest.mark.parametrize("scheme", [HmacSha256("s", "w"), Sha512("k")], ids=["signed", "published"])
@pytest.mark.timeout(36_000)
def test_any_webhook_is_read_or_unreadable(scheme: Any, body: bytes) -> None:
    with suppress(WebhookUnreadable):
        scheme.read_webhook(body)


@many
@given(BODIES)
@pytest.mark.parametrize("read", [read_job, partial(read_created, OwnReference("A-1")), read_error_code])
@pytest.mark.timeout(36_000)
def test_any_reply_of_the_gateway_is_read_or_not_believed(read: Any, body: bytes) -> None:
    with suppress(WireError, InvalidInput):
        read(body)


@many
@given(BODIES)
@pytest.mark.timeout(36_000)
def test_any_request_body_is_read_or_refused(body: bytes) -> None:
    with suppress(InvalidJson):
        exact_json.loads(body)


@many
@given(st.text(max_size=60) | st.from_regex(r"[0-9eE+\-. ,_]{1,30}"), st.sampled_from(["GBP", "JPY", "BHD", "EUR"]))
@pytest.mark.timeout(36_000)
def test_any_amount_is_exact_or_refused(text: str, currency: str) -> None:
    with suppress(InvalidInput):
        money = Money.from_wire(text, CurrencyCode(currency))
        assert Money.from_wire(money.to_wire(), money.currency) == money


@many
@given(st.text(max_size=80))
@pytest.mark.timeout(36_000)
def test_any_name_is_one_of_ours_or_refused(text: str) -> None:
    split_own_reference(text)
    for parse in (parse_order_reference, parse_currency):
        with suppress(InvalidInput):
            parse(text)


@many
@given(st.text(max_size=300) | st.lists(st.binary(max_size=60).map(lambda part: part.hex()), max_size=4).map(".".join))
@pytest.mark.timeout(36_000)
def test_any_token_is_refused_and_never_an_error(token: str) -> None:
    with pytest.raises(NotAuthenticated):
        TokenVerifier("a secret that nobody guesses, whatever he tries").verify(token)


SETTINGS: Final = (
    "gateways", "cashflows_gateway_url", "cashflows_scheme", "jwt_secret_key", "operator_keys", "db_name",
    "notification_url", "notification_secret", "trusted_proxies", "public_base_url", "frontend_url", "port",
    "rate_limit_user", "gateway_timeout_seconds", "payment_page_minutes", "log_level",
)  # fmt: skip


@many
@given(st.dictionaries(st.sampled_from(SETTINGS), st.text(max_size=60) | WORDS, max_size=4))
@pytest.mark.timeout(36_000)
def test_any_setting_is_taken_or_named(values: dict[str, str]) -> None:
    given_values: dict[str, Any] = dict(values)
    with suppress(ValidationError):
        Settings(_env_file=None, **given_values)
