"""The conformance kit: Cashflows passes it in both schemes, and adapters that are wrong on purpose fail it by name."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from backend.conformance.cashflows import CashflowsHarness
from backend.conformance.suite import GatewayConformance
from backend.gateways.cashflows import CashflowsService

from . import wrong_adapters as wrong

HMAC, PUBLISHED = "hmac-sha256", "sha512"
LEAST_CHECKS = 40


class TestCashflowsHmacSha256(GatewayConformance):
    def make_harness(self) -> CashflowsHarness:
        return CashflowsHarness(HMAC)


class TestCashflowsSha512(GatewayConformance):
    def make_harness(self) -> CashflowsHarness:
        return CashflowsHarness(PUBLISHED)


def test_there_are_enough_checks_to_rely_on() -> None:
    assert sum(name.startswith("test_") for name in dir(GatewayConformance)) >= LEAST_CHECKS


WRONG: list[tuple[type[CashflowsService], str, str]] = [
    (wrong.Resends, HMAC, "test_a_refund_without_an_answer_is_unknown_and_never_sent_again"),
    (wrong.HandsOutAnyPage, PUBLISHED, "test_a_page_that_is_no_web_address_is_not_handed_out"),
    (wrong.TakesSilenceForNothingSent, HMAC, "test_a_create_without_an_answer_is_unknown_and_sent_once"),
    (
        wrong.TakesSilenceForRefusal,
        PUBLISHED,
        "test_a_refund_with_an_answer_nobody_can_believe_is_unknown_and_never_sent_again",
    ),
    (wrong.TakesUnknownForPaid, HMAC, "test_a_status_that_nobody_knows_is_not_paid_and_worth_another_look"),
    (wrong.ReadsFirstPayment, PUBLISHED, "test_the_payment_that_the_money_is_on_is_found_after_a_declined_one"),
    (wrong.TellsTheOrdersAmount, HMAC, "test_an_amount_that_differs_is_reported_as_it_is"),
    (wrong.TellsTheOrdersAmount, HMAC, "test_a_currency_that_differs_is_reported_as_it_is"),
    (wrong.RoundsAmounts, HMAC, "test_an_amount_that_is_not_exact_is_not_rounded"),
    (wrong.TrustsAnySignature, HMAC, "test_a_delivery_that_was_changed_is_rejected"),
    (wrong.TrustsAnySignature, HMAC, "test_a_signature_of_somebody_elses_is_rejected"),
    (wrong.TrustsUnsigned, PUBLISHED, "test_an_unsigned_delivery_is_a_hint_whatever_it_claims"),
    (wrong.AcceptsWithoutSecret, HMAC, "test_without_a_secret_nothing_is_accepted"),
    (wrong.BelievesAnotherJob, PUBLISHED, "test_the_reply_for_another_job_is_not_believed"),
    (wrong.FollowsReferences, HMAC, "test_a_hostile_reference_leads_to_no_other_address"),
    (wrong.NumbersNoRefunds, HMAC, "test_a_refund_is_found_again_by_our_own_number"),
    (wrong.LogsWhatItSends, HMAC, "test_no_trouble_puts_anything_private_into_a_log_or_an_outcome"),
    (wrong.HidesNothing, PUBLISHED, "test_a_text_is_scrubbed_of_what_signed_a_request"),
    (wrong.HidesTooMuch, PUBLISHED, "test_scrubbing_leaves_the_rest_as_it_is"),
    (wrong.GoesOnCalling, HMAC, "test_two_refusals_of_the_credentials_in_a_row_stop_every_call"),
    (wrong.IgnoresSuspension, HMAC, "test_an_adapter_that_is_suspended_calls_nobody"),
    (wrong.HasOneAccount, PUBLISHED, "test_another_credential_is_another_account"),
    (wrong.AllowsEverything, HMAC, "test_a_payment_without_money_allows_nothing"),
    (wrong.SwallowsCancellation, HMAC, "test_a_call_that_is_cancelled_ends"),
    (wrong.LetsErrorsOut, HMAC, "test_a_cancellation_without_a_clear_answer_is_unknown_and_sent_once"),
]


@pytest.mark.parametrize(
    ("adapter", "scheme", "check"), WRONG, ids=[f"{adapter.__name__}-{check}" for adapter, _, check in WRONG]
)
def test_a_wrong_adapter_fails_the_check_that_is_named_after_it(
    adapter: type[CashflowsService], scheme: str, check: str
) -> None:
    class Conformance(GatewayConformance):
        def make_harness(self) -> CashflowsHarness:
            return wrong.WrongHarness(adapter, scheme)

    class RightConformance(GatewayConformance):
        def make_harness(self) -> CashflowsHarness:
            return wrong.WrongHarness(CashflowsService, scheme)

    assert [why for why in outcomes(Conformance(), check) if why is not None]
    assert not [why for why in outcomes(RightConformance(), check) if why is not None]


def outcomes(checks: GatewayConformance, name: str) -> Iterator[BaseException | None]:
    """What becomes of one check, with each of its parameters: None where it passes."""
    function = getattr(checks, name)
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    cases: list[dict[str, Any]] = [{mark.args[0]: value} for mark in marks for value in mark.args[1]] or [{}]
    assert len(marks) <= 1
    assert set(inspect.signature(function).parameters) == set(cases[0])
    for case in cases:
        try:
            function(**case)
        except pytest.skip.Exception:
            raise AssertionError(f"{name} was skipped, so it shows nothing") from None
        except BaseException as exc:  # noqa: BLE001 - a check may fail in any way
            yield exc
        else:
            yield None
