"""Whatever happens in whatever order: an order says of its money what the gateway's own ledger says.

A few stories by default; ``make stories STORIES=1000`` for many.
"""

import os
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from backend.simulator.model import PartStatus, Payment, Status

from ..program import CREATE
from .scene import REFUNDER_KEY, VIEWER_KEY, Notice, Scene

STORIES: Final = int(os.environ.get("STORIES", "40"))
STEPS: Final = 25

ORDERS: Final = ("A-1", "B/2")
OWNERS: Final = {"A-1": "alice", "B/2": "bob"}
AMOUNT: Final = {"A-1": "10.00", "B/2": "25.50"}
CARDS: Final = {
    "pays": "4111 1111 1111 1111",
    "is declined": "4000 0000 0000 0002",
    "is expired": "4000 0000 0000 0069",
}
FAULTS: Final = [
    f"{name}.{call}.x1"
    for name in ("lost-reply", "lost-request", "error-500-after", "error-503-before", "malformed-json", "empty-reply")
    for call in ("create", "capture", "refund", "cancel", "read")
    if (name, call) not in {("lost-reply", "read"), ("error-500-after", "read")}
]
PAID: Final = frozenset({"paid", "partially_refunded", "refunded"})
NO_MORE_PAYMENT: Final = PAID | {"partially_captured", "authorized", "review"}
HELD: Final = frozenset({Status.PAID, Status.RESERVED})
SEEN: Final = Counter[str]()
"""Where the stories ended, and what became of operations."""
MANY: Final = 300
HARD_WAYS: Final = frozenset({"paid", "cancelled"} | ({"refunded", "refund succeeded"} if STORIES >= MANY else set()))
"""A refund takes so many right steps that a few stories may all miss it."""
LONG_ENOUGH: Final = 12
"""Half days until everything that only waits has come to its end."""


def minor(text: str) -> int:
    return int(Decimal(text) * 100)


class Stories(RuleBasedStateMachine):
    pages: Bundle[str] = Bundle("pages")
    notices: Bundle[Notice] = Bundle("notices")

    @initialize(
        target=notices,
        auto_capture=st.sampled_from([True, True, False]),
        paid=st.sampled_from([None, *ORDERS, *ORDERS]),
        cancelled=st.sampled_from([None, None, None, None, *ORDERS]),
        refund=st.sampled_from([None, None, None, "lost-reply", "error-500-after", "lost-request"]),
    )
    def begin(self, auto_capture: bool, paid: str | None, cancelled: str | None, refund: str | None) -> Any:
        """Most stories begin with a payment, so that what only comes after one is told often enough."""
        self.scene = Scene(auto_capture=auto_capture)
        self.known: set[str] = set()
        self.keys: dict[str, tuple[str, str, datetime]] = {}
        self.numbers = count()
        if paid is not None:
            self.a_customer_pays_at_once(paid, is_told=True)
            offers = self.scene.order(paid)["offers"] if paid in self.known else []
            for offer in [each for each in offers if each["kind"] == "refund" and refund is not None]:
                self.take_up(paid, offer, part=2, fault=refund)
        if cancelled is not None:
            if self.create(cancelled, OWNERS[cancelled], AMOUNT[cancelled]).status_code == 200:
                self.known.add(cancelled)
            self.an_operator_decides(cancelled, "cancel")
        return self.webhooks_are_written()

    def teardown(self) -> None:
        if not hasattr(self, "scene"):
            return
        try:
            self.comes_to_rest()
        finally:
            self.scene.close()

    # --- customers ---

    @rule(target=pages, order=st.sampled_from(ORDERS))
    def a_customer_starts_to_pay(self, order: str) -> Any:
        seen = self.scene.order(order) if order in self.known else None
        answer = self.create(order, OWNERS[order], AMOUNT[order])
        if answer.status_code != 200:
            assert answer.status_code in (409, 502, 503), answer.text
            return multiple()
        if seen is not None:
            assert seen["status"] not in NO_MORE_PAYMENT, "it would be paid twice"
            assert not seen["is_cancelled"], "nobody wants it any more"
        self.known.add(order)
        return answer.json()["action_url"]

    @rule(order=st.sampled_from(ORDERS))
    def a_stranger_or_another_price_is_refused(self, order: str) -> None:
        if order not in self.known:
            return
        assert self.create(order, "mallory", AMOUNT[order]).status_code == 409
        assert self.create(order, OWNERS[order], "0.01").status_code == 409
        assert self.scene.as_customer("mallory", "GET", f"/api/orders/{order}").status_code == 404
        page = self.scene.as_customer("mallory", "GET", "/api/payment/success", params={"ref": order})
        assert page.status_code == 404, "who says who they are is held to it"
        mine = self.scene.as_customer(OWNERS[order], "GET", f"/api/orders/{order}")
        assert mine.json()["status"] == self.scene.order(order)["status"]

    @rule(order=st.sampled_from(ORDERS))
    def a_request_is_sent_again_under_its_key(self, order: str) -> None:
        """Whatever becomes of the order in between: the first answer for a day, to the byte, for its caller alone."""
        key, now = f"{order} {len(self.keys)}", self.scene.clock.now()
        first = self.create(order, OWNERS[order], AMOUNT[order], key)
        if first.status_code == 200:
            self.known.add(order)
            self.keys[key] = order, first.text, now + timedelta(hours=23)
            answer = self.create(order, "mallory", AMOUNT[order], key)
            assert answer.status_code == 409, "another's key is a new one"
        for kept, (known, told, until) in self.keys.items():
            if now > until:
                continue
            again = self.create(known, OWNERS[known], AMOUNT[known], kept)
            assert (again.status_code, again.text) == (200, told)
            assert self.create(known, OWNERS[known], "0.01", kept).status_code == 422

    @rule(page=pages, card=st.sampled_from(sorted(CARDS)))
    def a_card_is_entered(self, page: str, card: str) -> None:
        form = {"cc-number": CARDS[card], "cc-name": "Test User", "cc-exp": "12/30", "cc-csc": "123", "action": "pay"}
        self.on_page(page, form)

    @rule(order=st.sampled_from(ORDERS), is_told=st.booleans())
    def a_customer_pays_at_once(self, order: str, is_told: bool) -> None:
        key = f"at once {next(self.numbers)}"
        answer = self.create(order, OWNERS[order], AMOUNT[order], key)
        if answer.status_code == 200:
            self.known.add(order)
            assert self.create(order, "mallory", AMOUNT[order], key).status_code == 409, "another's key is a new one"
            self.a_card_is_entered(answer.json()["action_url"], "pays")
            if is_told:
                self.scene.as_operator("POST", f"orders/{order}/check")

    @rule(page=consumes(pages))
    def the_page_is_cancelled(self, page: str) -> None:
        self.on_page(page, {"action": "cancel"})

    @rule(order=st.sampled_from(ORDERS), page=st.sampled_from(["success", "cancel"]))
    def the_browser_comes_back(self, order: str, page: str) -> None:
        answer = self.scene.call("GET", f"/api/payment/{page}", params={"ref": order, "status": "paid"})
        assert answer.status_code in (200, 404), answer.text

    # --- the gateway ---

    @rule(target=notices)
    def webhooks_are_written(self) -> Any:
        before = len(self.scene.notices)
        self.scene.gateway_writes()
        return multiple(*self.scene.notices[before:])

    @rule(notice=notices)
    def a_webhook_arrives(self, notice: Notice) -> None:
        """Perhaps again, perhaps late: those that were written stay to be drawn."""
        before = self.received(notice)
        answer = self.scene.call("POST", notice.path, content=notice.body, headers=notice.headers)
        assert answer.status_code == 200, answer.text
        assert self.received(notice) == before + 1, "what is acknowledged is stored"

    @rule(notice=notices, status=st.sampled_from(["captured", "declined", "failed"]))
    def a_webhook_is_forged(self, notice: Notice, status: str) -> None:
        for word in (b"captured", b"authorized", b"declined", b"failed"):
            if word != status.encode() and word in notice.body:
                forged = notice.body.replace(word, status.encode())
                answer = self.scene.call("POST", notice.path, content=forged, headers=notice.headers)
                assert answer.status_code == 401, answer.text

    @rule(fault=st.sampled_from(FAULTS))
    def the_gateway_will_fail(self, fault: str) -> None:
        self.scene.arm(fault)

    # --- operators ---

    @rule(
        order=st.sampled_from(ORDERS),
        kind=st.sampled_from(["capture", "void", "refund", "refund"]),
        amount=st.sampled_from([None, "1.00", "5.00", "10.00", "25.51"]),
        twice=st.booleans(),
    )
    def an_operation_is_asked_for(self, order: str, kind: str, amount: str | None, twice: bool) -> None:
        if order not in self.known:
            return
        seen = self.scene.order(order)
        number = seen["next_operation"]
        body = {"kind": kind, "number": number, "reason": "as drawn"} | ({} if amount is None else {"amount": amount})
        answers = [
            self.scene.as_operator("POST", f"orders/{order}/operations", key=REFUNDER_KEY, json=body)
            for _ in range(1 + twice)
        ]
        assert all(answer.status_code in (200, 202, 409) for answer in answers), answers[-1].text
        if answers[0].status_code != 409:
            assert {answer.json()["operation"]["number"] for answer in answers} == {number}, "twice is once"
            most = [minor(offer["most"]) for offer in seen["offers"] if offer["kind"] == kind]
            assert most, "what is not offered is refused"
            assert amount is None or minor(amount) <= max(most), "and so is more than is left"

    @rule(
        data=st.data(),
        order=st.sampled_from(ORDERS),
        part=st.sampled_from([1, 1, 2, 3]),
        fault=st.sampled_from([None, None, "lost-reply", "lost-request", "error-500-after"]),
    )
    def an_operation_that_is_offered_is_asked_for(
        self, data: st.DataObject, order: str, part: int, fault: str | None
    ) -> None:
        offers = self.scene.order(order)["offers"] if order in self.known else []
        if offers:
            self.take_up(order, data.draw(st.sampled_from(offers)), part, fault)

    @rule(order=st.sampled_from(ORDERS))
    def who_may_only_look_changes_nothing(self, order: str) -> None:
        if order not in self.known:
            return
        seen = self.scene.order(order)
        ask = {"kind": "refund", "number": seen["next_operation"], "reason": "as drawn"}
        for key, what, body in (
            (VIEWER_KEY, "operations", ask),
            (VIEWER_KEY, "cancel", {"reason": "as drawn"}),
            (REFUNDER_KEY, "cancel", {"reason": "as drawn"}),
        ):
            answer = self.scene.as_operator("POST", f"orders/{order}/{what}", key=key, json=body)
            assert answer.status_code == 403, answer.text
        theirs = self.scene.as_customer(OWNERS[order], "GET", f"/api/operator/orders/{order}")
        assert theirs.status_code == 403, theirs.text
        assert self.scene.order(order) == seen

    @rule(order=st.sampled_from(ORDERS), what=st.sampled_from(["check", "cancel", "reinstate"]))
    def an_operator_decides(self, order: str, what: str) -> None:
        if order in self.known:
            held = holds_money(self.scene.order(order))
            body = None if what == "check" else {"reason": "as drawn"}
            answer = self.scene.as_operator("POST", f"orders/{order}/{what}", json=body)
            assert answer.status_code in (200, 409), answer.text
            if what == "cancel" and held:
                assert answer.status_code == 409, "money is given back first"
            if what == "cancel" and answer.status_code == 200:
                assert self.create(order, OWNERS[order], AMOUNT[order]).status_code == 409, "nobody wants it any more"

    # --- time ---

    @rule(minutes=st.sampled_from([1, 4, 30, 61, 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.scene.clock.move(timedelta(minutes=minutes))

    @rule()
    def the_background_works(self) -> None:
        self.scene.works_in_background()

    # --- what must hold ---

    @invariant()
    def no_order_says_more_than_the_gateway(self) -> None:
        for reference in sorted(getattr(self, "known", ())):
            order = self.scene.order(reference)
            assert order["defects"] == []
            there = self.payments(reference)
            for payment in [each for job in order["jobs"] for each in job["payments"]]:
                theirs = there[payment["payment_reference"]]
                assert minor(payment["captured"]) <= most_captured(theirs)
                assert minor(payment["refunded"]) <= theirs.refunded_minor
            captured, refunded = minor(order["captured"]), minor(order["refunded"])
            assert 0 <= refunded <= captured
            if order["status"] in PAID:
                assert sum(most_captured(theirs) for theirs in there.values()) >= min(minor(order["amount"]), captured)
            if order["status"] == "paid":
                assert captured - refunded >= minor(order["amount"])
            self.nothing_reached_the_gateway_twice(order, there)

    def nothing_reached_the_gateway_twice(self, order: dict[str, Any], there: dict[str, Payment]) -> None:
        numbers = [refund.number for payment in there.values() for refund in payment.refunds]
        assert len(numbers) == len(set(numbers))
        asked = {operation["own_reference"] for operation in order["operations"]}
        assert set(numbers) <= asked
        sent = self.scene.wire.refunds
        assert set(numbers) <= sent.keys()
        assert all(sent[number] <= 1 for number in asked), "what was lost may not be sent again either"

    def comes_to_rest(self) -> None:
        """No more faults; every webhook is lost from here on: looking alone has to find out everything."""
        self.scene.disarm()
        for _ in range(LONG_ENOUGH):
            self.scene.gateway_writes()
            self.scene.works_in_background()
            self.scene.clock.move(timedelta(hours=12))
        self.no_order_says_more_than_the_gateway()
        for reference in sorted(self.known):
            order, there = self.scene.order(reference), self.payments(reference)
            known = {each["payment_reference"]: each for job in order["jobs"] for each in job["payments"]}
            for name, theirs in there.items():
                if theirs.status in HELD and name in known:
                    assert minor(known[name]["captured"]) == theirs.captured_minor
                    assert minor(known[name]["refunded"]) == completed(theirs)
                assert name in known or not most_captured(theirs), "money nobody here knows of"
            self.the_status_fits(order, there)
            SEEN[order["status"]] += 1
            SEEN.update(order["needs_attention"])

    def the_status_fits(self, order: dict[str, Any], there: dict[str, Payment]) -> None:
        due = minor(order["amount"])
        captured = sum(theirs.captured_minor for theirs in there.values() if theirs.status in HELD)
        kept = captured - sum(completed(theirs) for theirs in there.values() if theirs.status in HELD)
        if order["is_cancelled"] and kept:
            assert order["status"] == "review"
        elif captured >= due:
            assert order["status"] == ("paid" if kept >= due else "partially_refunded" if kept else "refunded")
        else:
            assert order["status"] not in ("paid", "partially_refunded")
        if kept > due:
            assert order["needs_attention"], "paid more than once is told"
        refunds = {each.number for theirs in there.values() for each in theirs.refunds}
        for operation in order["operations"]:
            SEEN[f"{operation['kind']} {operation['state']}"] += 1
            assert operation["state"] not in ("planned", "submitting"), operation
            if operation["kind"] == "refund":
                done = operation["own_reference"] in refunds
                assert operation["state"] == "unknown" or (operation["state"] == "succeeded") == done, operation
            assert operation["state"] != "unknown" or order["needs_attention"], "an unknown outcome is told"

    # --- helpers ---

    def create(self, order: str, owner: str, amount: str, key: str | None = None) -> Any:
        body = CREATE | {"order_reference": order, "amount": amount}
        headers = {} if key is None else {"Idempotency-Key": f'"{key}"'}
        return self.scene.as_customer(owner, "POST", "/api/payment/create", json=body, headers=headers)

    def ask(self, order: str, seen: dict[str, Any], offer: dict[str, str], amount: int) -> Any:
        body = {
            "kind": offer["kind"],
            "number": seen["next_operation"],
            "reason": "as drawn",
            "amount": f"{amount // 100}.{amount % 100:02d}",
            "payment_reference": offer["payment_reference"],
        }
        return self.scene.as_operator("POST", f"orders/{order}/operations", json=body)

    def take_up(self, order: str, offer: dict[str, str], part: int, fault: str | None) -> None:
        seen, most = self.scene.order(order), minor(offer["most"])
        part = 1 if offer["kind"] == "void" else part
        assert self.ask(order, seen, offer, most + 1).status_code == 409, "more than is left is refused"
        if fault is not None:
            self.scene.arm(f"{fault}.{'cancel' if offer['kind'] == 'void' else offer['kind']}.x1")
        for _ in range(2):
            answer = self.ask(order, seen, offer, max(most // part, 1))
            assert answer.status_code in (200, 202), answer.text
            assert answer.json()["operation"]["number"] == seen["next_operation"], "twice is once"

    def received(self, notice: Notice) -> int:
        """How often the inbox has this body."""
        told = self.scene.as_operator("GET", "deliveries?limit=200").json()["deliveries"]
        return sum(each["received"] for each in told if each["body"] == notice.body.decode())

    def on_page(self, page: str, form: dict[str, str]) -> None:
        address = urlsplit(page)
        answer = self.scene.call("POST", f"{address.path}?{address.query}", data=form)
        assert answer.status_code < 500, answer.text

    def payments(self, reference: str) -> dict[str, Payment]:
        jobs = self.scene.jobs_at_gateway(reference)
        return {payment.reference: payment for job in jobs for payment in job.payments}


def holds_money(order: dict[str, Any]) -> bool:
    authorized = any(each["status"] == "authorized" for job in order["jobs"] for each in job["payments"])
    return authorized or minor(order["captured"]) > minor(order["refunded"])


def most_captured(theirs: Payment) -> int:
    """What was ever taken: a void afterwards leaves what was paid, and what was captured, as it was."""
    return max(theirs.captured_minor, theirs.paid_minor, sum(capture.amount_minor for capture in theirs.captures))


def completed(theirs: Payment) -> int:
    return sum(refund.amount_minor for refund in theirs.refunds if refund.status is PartStatus.COMPLETED)


@pytest.mark.timeout(36_000)
def test_an_order_says_of_its_money_what_the_gateway_says_whatever_happens() -> None:
    SEEN.clear()
    told = settings(
        max_examples=STORIES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck), deadline=None
    )
    run_state_machine_as_test(Stories, settings=told)
    assert SEEN.keys() >= HARD_WAYS, f"the stories were too easy: {SEEN}"
