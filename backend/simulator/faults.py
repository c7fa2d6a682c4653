"""The faults that can be scripted, as one table that drives the behaviour and the listing at ``/faults``.

A row says where a fault acts (``calls``), how often unless told otherwise (``times``), and what it does: hold a call
back, answer without doing anything, edit the reply's or the webhook's document, replace the reply, reschedule
webhooks, or twist what happens to the money.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from . import distortions


class Call(StrEnum):
    """Where a fault can act; all but the last two are calls of the gateway API."""

    CREATE = "create"
    READ = "read"
    CANCEL = "cancel"
    CAPTURE = "capture"
    REFUND = "refund"
    METHODS = "methods"
    TOKENISE = "tokenise"
    ORDERS = "orders"
    PAGE = "page"
    WEBHOOK = "webhook"


class Twist(Enum):
    """What happens to the money instead of what was asked."""

    PAY_BEFORE_REPLY = 1
    FAIL_THEN_PAY = 2
    DECLINE = 3
    BLOCK = 4
    COMMISSION = 5
    PAY_EARLIER_JOB = 6
    PAY_BEFORE_CANCEL = 7
    REFUND_PENDING = 8
    REFUND_PENDING_THEN_FAILED = 9
    REFUND_FAILED = 10
    REFUND_HIDDEN = 11


@dataclass(frozen=True, slots=True)
class Sending:
    """How a webhook leaves: how many times, how much later, or not at all."""

    copies: int = 1
    late_seconds: int = 0
    lost: bool = False
    only_first: bool = False
    """Only the first webhook of a job is late, so that the next one overtakes it."""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    does: str
    calls: frozenset[Call]
    times: int | None = None
    """How often it acts unless the script says; None: every time."""
    hold_before_seconds: int = 0
    hold_after_seconds: int = 0
    answer: distortions.Answer | None = None
    """Sent instead of doing anything."""
    replace: Callable[[distortions.Answer], distortions.Answer | None] | None = None
    """What is sent instead of the true reply; None drops the connection."""
    drop_before: bool = False
    edit: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    sending: Sending | None = None
    forged_signature: bool = False
    twist: Twist | None = None

    @property
    def may_act_on(self) -> frozenset[Call]:
        """Where a script may send it; what is about webhooks or money has its place."""
        if self.sending or self.forged_signature or self.twist:
            return self.calls
        return API | (self.calls & WEBHOOK)


API: Final = frozenset(Call) - {Call.PAGE, Call.WEBHOOK}
CHANGES: Final = frozenset({Call.CREATE, Call.CANCEL, Call.CAPTURE, Call.REFUND})
CREATE: Final = frozenset({Call.CREATE})
READ: Final = frozenset({Call.READ})
PAGE: Final = frozenset({Call.PAGE})
REFUND: Final = frozenset({Call.REFUND})
WEBHOOK: Final = frozenset({Call.WEBHOOK})
TOLD: Final = READ | WEBHOOK
REPLIES: Final = CHANGES | READ

UNAVAILABLE: Final = distortions.error_answer(
    503, "ServiceUnavailable", "The service is unavailable.", **{"Retry-After": "2"}
)
SERVER_ERROR: Final = distortions.error_answer(500, "GenericError", "An unexpected error occurred.")

FAULTS: Final[Sequence[Fault]] = (
    # The connection and the time.
    Fault("lost-reply", "done and committed, then the connection drops", CHANGES, 1, replace=distortions.lost),
    Fault("lost-request", "the connection drops before anything is done", API, 1, drop_before=True),
    Fault("delay", "done at once, answered 30 s later", API, 1, hold_after_seconds=30),
    Fault("late-commit", "nothing for 30 s, then done and answered", API, 1, hold_before_seconds=30),
    # Wrong HTTP answers.
    Fault("error-500-before", "500, nothing was done", API, 1, answer=SERVER_ERROR),
    Fault("error-500-after", "500, although it was done", CHANGES, 1, replace=lambda _: SERVER_ERROR),
    Fault("error-503-before", "503 with Retry-After, nothing was done", API, 1, answer=UNAVAILABLE),
    Fault("error-503-after", "503, although it was done", CHANGES, 1, replace=lambda _: UNAVAILABLE),
    Fault(
        "too-many-requests",
        "429 with Retry-After, nothing was done",
        API,
        1,
        answer=distortions.error_answer(429, "TooManyRequests", "Slow down.", **{"Retry-After": "2"}),
    ),
    Fault(
        "unauthorized",
        "401 although the hash is right, as a locked account answers",
        API,
        answer=distortions.error_answer(401, "Unauthorized", "The account is locked."),
    ),
    Fault(
        "wrong-environment",
        "404 RecordNotFound, as keys of the other environment get",
        API,
        answer=distortions.error_answer(404, "RecordNotFound", "Configuration not found."),
    ),
    Fault(
        "redirect",
        "302 to another host, nothing was done",
        API,
        1,
        answer=distortions.Answer(302, b"", {"Location": "http://169.254.169.254/latest/meta-data/"}),
    ),
    # Wrong bytes.
    Fault("html-reply", "done, answered with an HTML page", REPLIES, 1, replace=distortions.html_page),
    Fault("malformed-json", "done, the reply is no JSON", REPLIES, 1, replace=distortions.malformed),
    Fault("truncated-json", "done, the reply ends in the middle", REPLIES, 1, replace=distortions.truncated),
    Fault("empty-reply", "done, the reply has no body", REPLIES, 1, replace=distortions.empty),
    Fault("not-utf8", "done, the reply holds bytes that are no UTF-8", REPLIES, 1, replace=distortions.not_utf8),
    Fault("enormous-reply", "done, the reply is 8 MiB long", REPLIES, 1, replace=distortions.enormous),
    Fault("duplicate-keys", "the reply names the amount twice", READ, replace=distortions.twice_keyed),
    # Wrong contents.
    Fault("missing-data", "done, 200 without data", REPLIES, 1, edit=distortions.without_data),
    Fault("error-inside", "200 with an error report instead of data", READ, 1, edit=distortions.error_inside),
    Fault("wrong-amount", "amounts are a minor unit less", TOLD, edit=distortions.wrong_amount),
    Fault("wrong-currency", "another currency", TOLD, edit=distortions.wrong_currency),
    Fault("other-job", "the reply is for another job", REPLIES, 1, edit=distortions.other_job),
    Fault("unknown-status", "statuses nobody knows (Quarantined)", TOLD, edit=distortions.unknown_status),
    Fault("stale-read", "as if nothing had happened yet", READ, 1, edit=distortions.stale),
    Fault("hostile-action-url", "the page to show lies at another host", CREATE, edit=distortions.hostile_action),
    Fault("missing-action-url", "no page to show is named", CREATE, 1, edit=distortions.without_action),
    # Other spellings, which a client must read.
    Fault("pascal-case", "keys in PascalCase", REPLIES | WEBHOOK, edit=distortions.pascal_case),
    Fault("numeric-enums", "published numbers instead of enum names", REPLIES, edit=distortions.numeric_enums),
    Fault("numeric-references", "references as JSON numbers", REPLIES | WEBHOOK, edit=distortions.numeric_references),
    Fault("numeric-amounts", "amounts as JSON numbers", REPLIES, replace=distortions.numeric_amounts),
    Fault("short-times", "times with two fractional digits", REPLIES, edit=distortions.short_times),
    # Webhooks.
    Fault("duplicate-webhook", "each webhook is sent three times", WEBHOOK, sending=Sending(copies=3)),
    Fault(
        "reordered-webhooks",
        "a job's first webhook leaves 2 min late, so the next overtakes it",
        WEBHOOK,
        sending=Sending(late_seconds=120, only_first=True),
    ),
    Fault("late-webhook", "each webhook leaves an hour late", WEBHOOK, sending=Sending(late_seconds=3600)),
    Fault("lost-webhook", "webhooks are not sent", WEBHOOK, sending=Sending(lost=True)),
    Fault(
        "early-webhook",
        "the job is paid and its webhook delivered before the create reply",
        CREATE,
        twist=Twist.PAY_BEFORE_REPLY,
    ),
    Fault("foreign-webhook", "webhooks name another merchant's payment", WEBHOOK, edit=distortions.foreign_references),
    Fault("forged-signature", "webhooks are signed with another secret", WEBHOOK, forged_signature=True),
    # The money.
    Fault(
        "failed-then-paid",
        "paying makes a failed payment, and at once a second one that pays",
        PAGE,
        1,
        twist=Twist.FAIL_THEN_PAY,
    ),
    Fault("issuer-declines", "the next payment is declined whatever the card", PAGE, 1, twist=Twist.DECLINE),
    Fault("risk-blocks", "the next payment is blocked by risk rules", PAGE, 1, twist=Twist.BLOCK),
    Fault("commissioned", "the next payment is Commissioned, Paid an hour later", PAGE, 1, twist=Twist.COMMISSION),
    Fault(
        "earlier-job-paid",
        "when another job for the same order is created, the open earlier one is paid",
        CREATE,
        twist=Twist.PAY_EARLIER_JOB,
    ),
    Fault(
        "paid-before-cancel",
        "the shopper pays just before the job is cancelled",
        frozenset({Call.CANCEL}),
        1,
        twist=Twist.PAY_BEFORE_CANCEL,
    ),
    Fault("refund-pending", "the refund is Pending, Completed an hour later", REFUND, twist=Twist.REFUND_PENDING),
    Fault(
        "refund-fails-later",
        "the refund is Pending, Failed an hour later",
        REFUND,
        1,
        twist=Twist.REFUND_PENDING_THEN_FAILED,
    ),
    Fault("refund-failed", "the refund is Failed: merchant funds insufficient", REFUND, 1, twist=Twist.REFUND_FAILED),
    Fault("refund-hidden", "retrievals show the refund only after 2 min", REFUND, twist=Twist.REFUND_HIDDEN),
)

BY_NAME: Final[Mapping[str, Fault]] = {fault.name: fault for fault in FAULTS}
