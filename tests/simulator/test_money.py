"""Captures, voids, refunds and cancellations, and what each refuses."""

from datetime import UTC, datetime

import pytest

from backend.simulator import Clock

from .conftest import Worlds
from .world import DECLINED, World, error_code


async def reserved(world: World) -> tuple[str, str]:
    references = await world.paid()
    data = await world.merchant.job(references[0])
    assert (data["paymentStatus"], data["payments"][0]["status"]) == ("Reserved", "Reserved")
    assert "paidAmount" not in data
    return references


async def test_without_auto_capture_a_capture_makes_the_payment_paid(worlds: Worlds) -> None:
    async with worlds(auto_capture=False) as world:
        job, payment = await reserved(world)
        response = await world.merchant.capture(job, payment)
        assert response.status_code == 200
        data = response.json()["data"]
        assert (data["status"], data["amountToCapture"], data["isFinalCapture"]) == ("Completed", "10.00", True)
        reread = await world.merchant.job(job)
        assert (reread["paymentStatus"], reread["paidAmount"]) == ("Paid", "10.00")
        assert reread["payments"][0]["captures"] == [data]
        again = await world.merchant.capture(job, payment)
        assert (again.status_code, error_code(again)) == (400, "InvalidPaymentStatus")


async def test_a_capture_of_less_or_more_is_refused(worlds: Worlds) -> None:
    async with worlds(auto_capture=False) as world:
        job, payment = await reserved(world)
        for amount, code in (
            ("10.01", "CaptureAmountExceedsOriginalAuthorisation"),
            ("9.99", "InvalidAmount"),
            (0, "InvalidAmount"),
        ):
            assert error_code(await world.merchant.capture(job, payment, amountToCapture=amount)) == code
        assert (await world.jobs())[0]["capturedMinor"] == 0


async def test_partial_captures_by_a_switch(worlds: Worlds) -> None:
    async with worlds(auto_capture=False, partial_capture=True) as world:
        job, payment = await reserved(world)
        first = await world.merchant.capture(job, payment, amountToCapture="4.00")
        assert first.json()["data"]["isFinalCapture"] is False
        assert (await world.merchant.job(job))["paymentStatus"] == "Reserved"
        too_much = await world.merchant.capture(job, payment, amountToCapture="6.01")
        assert error_code(too_much) == "CaptureAmountExceedsOriginalAuthorisation"
        await world.merchant.capture(job, payment, amountToCapture=5, isFinalCapture="true")
        data = await world.merchant.job(job)
        assert (data["paymentStatus"], data["paidAmount"]) == ("Paid", "9.00")
        facts = (await world.jobs())[0]
        assert (facts["authorizedMinor"], facts["capturedMinor"]) == (1000, 900)


async def test_a_reservation_is_gone_after_seven_days(worlds: Worlds) -> None:
    async with worlds(auto_capture=False) as world:
        job, payment = await reserved(world)
        await world.later(days=7, seconds=1)
        assert error_code(await world.merchant.capture(job, payment)) == "InvalidPaymentStatus"


async def test_a_reservation_can_be_released(worlds: Worlds) -> None:
    async with worlds(auto_capture=False) as world:
        job, payment = await reserved(world)
        response = await world.merchant.cancel(job, payment)
        assert response.json()["data"]["status"] == "Cancelled"
        assert "paidAmount" not in response.json()["data"]
        assert error_code(await world.merchant.capture(job, payment)) == "InvalidPaymentStatus"


async def test_a_payment_is_voided_on_its_day_and_the_job_stays_usable(world: World) -> None:
    created = await world.merchant.create()
    await world.shopper.pay(created)
    job, payment = created["data"]["reference"], created["data"]["payments"][0]["reference"]
    response = await world.merchant.cancel(job, payment)
    data = response.json()["data"]
    assert (data["status"], data["paidAmount"]) == ("Cancelled", "10.00")
    assert data["attributes"]["paymentMethodVoidTransactionId"]
    assert (await world.jobs())[0]["capturedMinor"] == 0
    assert error_code(await world.merchant.cancel(job, payment)) == "InvalidPaymentStatus"
    await world.shopper.pay(created)
    assert [item["status"] for item in (await world.merchant.job(job))["payments"]] == ["Cancelled", "Paid"]


@pytest.mark.parametrize(
    ("start", "hours", "allowed"),
    [
        (datetime(2026, 1, 10, 23, 59, tzinfo=UTC), 0.01, True),
        (datetime(2026, 1, 10, 23, 59, tzinfo=UTC), 0.02, False),
        (datetime(2026, 7, 10, 22, 59, tzinfo=UTC), 0.02, False),  # summer: London's midnight is 23:00 UTC
        (datetime(2026, 7, 10, 23, 1, tzinfo=UTC), 23, True),
    ],
)
async def test_voids_end_at_midnight_in_london(worlds: Worlds, start: datetime, hours: float, allowed: bool) -> None:
    async with worlds(clock=Clock(lambda: start)) as world:
        job, payment = await world.paid()
        await world.later(hours=hours)
        response = await world.merchant.cancel(job, payment)
        assert (response.status_code == 200) is allowed


async def test_refunds_repeat_up_to_the_paid_amount(world: World) -> None:
    job, payment = await world.paid()
    first = (await world.merchant.refund(job, payment, "4.00", refundNumber="R-1")).json()["data"]
    assert (first["status"], first["amountToRefund"], first["refundNumber"]) == ("Completed", "4.00", "R-1")
    assert first["steps"][0]["action"] == "Start"
    over = await world.merchant.refund(job, payment, "6.01")
    assert (over.status_code, error_code(over)) == (400, "RefundAmountExceedsOriginalAmount")
    assert (await world.merchant.refund(job, payment, 6)).status_code == 200
    none_left = await world.merchant.refund(job, payment, "0.01")
    assert error_code(none_left) == "PaymentAlreadyFullyRefunded"
    data = (await world.merchant.job(job))["payments"][0]
    assert data["status"] == "Paid"
    assert [item["amountToRefund"] for item in data["refunds"]] == ["4.00", "6.00"]
    assert data["refunds"][0] == first
    facts = (await world.jobs())[0]
    assert (facts["capturedMinor"], facts["refundedMinor"]) == (1000, 1000)


@pytest.mark.parametrize("amount", ["-1", "0", "x", "1.001", "1,00"])
async def test_a_refund_of_no_amount_is_refused(world: World, amount: str) -> None:
    job, payment = await world.paid()
    assert error_code(await world.merchant.refund(job, payment, amount)) == "InvalidAmount"


async def test_a_refund_without_an_amount_returns_what_is_left(world: World) -> None:
    job, payment = await world.paid()
    await world.merchant.refund(job, payment, "4.00")
    assert (await world.merchant.refund(job, payment)).json()["data"]["amountToRefund"] == "6.00"


async def test_only_a_paid_payment_is_refunded(world: World) -> None:
    created = await world.merchant.create()
    job, payment = created["data"]["reference"], created["data"]["payments"][0]["reference"]
    assert error_code(await world.merchant.refund(job, payment, "1.00")) == "InvalidPaymentForRefund"
    await world.shopper.pay(created, DECLINED)
    assert error_code(await world.merchant.refund(job, payment, "1.00")) == "InvalidPaymentForRefund"


async def test_a_refunded_payment_is_not_voided(world: World) -> None:
    job, payment = await world.paid()
    await world.merchant.refund(job, payment, "1.00")
    assert error_code(await world.merchant.cancel(job, payment)) == "InvalidPaymentStatus"


async def test_a_cancelled_job_takes_no_more_payments(world: World) -> None:
    created = await world.merchant.create()
    response = await world.merchant.cancel(created["data"]["reference"])
    assert response.json()["data"]["paymentStatus"] == "Cancelled"
    assert "action" not in response.json()["links"]
    await world.shopper.pay(created)
    assert (await world.jobs())[0]["capturedMinor"] == 0
    assert error_code(await world.merchant.cancel(created["data"]["reference"])) == "InvalidPaymentStatus"


async def test_a_paid_job_is_not_cancelled(world: World) -> None:
    job, _ = await world.paid()
    response = await world.merchant.cancel(job)
    assert (response.status_code, error_code(response)) == (400, "InvalidPaymentStatus")
    assert (await world.merchant.job(job))["paymentStatus"] == "Paid"


async def test_a_job_is_cancelled_between_attempts(world: World) -> None:
    created = await world.published.create()
    await world.shopper.pay(created, name="Darth Maul")
    assert (await world.merchant.cancel(created["data"]["reference"])).status_code == 200
    data = await world.merchant.job(created["data"]["reference"])
    assert (data["paymentStatus"], data["payments"][0]["status"]) == ("Cancelled", "Failed")


async def test_jobs_expire_when_their_time_has_passed(world: World) -> None:
    usual = (await world.merchant.create())["data"]["reference"]
    await world.later(days=183)
    assert (await world.merchant.job(usual))["paymentStatus"] == "Pending"
    await world.later(days=2)
    assert (await world.merchant.job(usual))["paymentStatus"] == "Expired"


async def test_a_paid_job_does_not_expire(world: World) -> None:
    job, _ = await world.paid(expirationDateTimeUtc="2026-03-02T13:00:00Z")
    await world.later(days=10)
    assert (await world.merchant.job(job))["paymentStatus"] == "Paid"
