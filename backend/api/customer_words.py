"""What a customer who comes back reads about their order: said to them, and no surer than what is known."""

from datetime import datetime
from typing import NamedTuple, assert_never

from ..domain.model import Order
from ..domain.order_status import order_status
from ..domain.statuses import JobState, OrderStatus


class Words(NamedTuple):
    """``is_undecided``: money may still come by itself, so the page is to look again."""

    headline: str
    note: str = ""
    is_undecided: bool = False


def customer_words(order: Order, now: datetime, *, pressed_cancel: bool) -> Words:
    """``pressed_cancel`` is what the address claims, which may be wrong: it changes the words alone."""
    status = order_status(order)
    match status:
        case OrderStatus.PENDING:
            return _pending(_page_open_until(order, now), pressed_cancel=pressed_cancel)
        case OrderStatus.FAILED:
            return _failed(_page_open_until(order, now))
        case OrderStatus.AUTHORIZED:
            return Words(
                "Your payment is authorized", "There is nothing more for you to do: the shop takes the amount later."
            )
        case OrderStatus.PARTIALLY_CAPTURED:
            return Words(
                "Part of your payment was taken",
                "The shop has taken part of the amount so far. There is nothing more for you to do.",
            )
        case OrderStatus.PAID:
            return Words("Thank you, your order is paid")
        case OrderStatus.REVIEW:
            return Words(
                "Your payment has arrived, and the shop is looking at it",
                "There is no need to pay again. If you have a question, ask the shop and name your order.",
            )
        case OrderStatus.CANCELLED:
            return Words("The payment was cancelled", "If you still want to pay, go back to the shop.")
        case OrderStatus.EXPIRED:
            return Words("The payment page has expired", "You can start the payment again at the shop.")
        case OrderStatus.PARTIALLY_REFUNDED:
            return Words("Part of your payment was refunded")
        case OrderStatus.REFUNDED:
            return Words("Your payment was refunded")
        case _:
            assert_never(status)


def _pending(open_until: datetime | None, *, pressed_cancel: bool) -> Words:
    if pressed_cancel:
        headline = "No payment has reached us"
        note = "If you have paid after all, this page will show it in a moment. "
    else:
        headline = "We are waiting for your payment to be confirmed"
        note = "If you have paid, there is nothing more for you to do: this page will show it in a moment. "
    if open_until is None:
        note += "If you have not, you can start the payment at the shop."
    else:
        note += f"If you have not, your payment page is open until {open_until:%Y-%m-%d %H:%M} UTC."
    return Words(headline, note, is_undecided=True)


def _failed(open_until: datetime | None) -> Words:
    """While its page is open, another card may be tried there, or was a moment ago."""
    if open_until is None:
        return Words("The payment did not go through", "You can start the payment again at the shop.")
    return Words(
        "The last try did not go through",
        "If you have just paid with another card, this page will show it in a moment. If you have not, you can try "
        f"again on your payment page, which is open until {open_until:%Y-%m-%d %H:%M} UTC.",
        is_undecided=True,
    )


def _page_open_until(order: Order, now: datetime) -> datetime | None:
    job = order.latest_job
    return job.expires_at if job is not None and job.state is JobState.OPEN and now < job.expires_at else None
