"""Compare the gateway's ledger, the store of orders and every acknowledgement: what was lost, doubled, left unresolved?

``lost``: somebody was told it, or money moved, and it is not there, or is there as something else. ``doubled``: sent,
taken, given back or counted more often, or as more, than was asked. ``unresolved``: once all is quiet it still waits,
or store and ledger still differ. It imports nothing of the program (``test_auditor.py`` sees to that).
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from .evidence import Document, Evidence

HELD = ("authorized", "captured")
SETTLED = ("succeeded", "rejected", "abandoned")
NOTHING: Document = {"captures": (), "voided_at": None}


@dataclass
class Findings:
    acknowledged: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unresolved)


def audit(evidence: Evidence) -> Findings:
    return _Audit(evidence).findings()


class _Audit:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.orders = {order["terms"]["reference"]: order for order in evidence.orders}
        self.by_own_reference = {job["own_reference"]: order for order in evidence.orders for job in order["jobs"]}
        self.jobs = {job["reference"]: job for job in evidence.jobs}
        self.jobs_of = defaultdict(list)
        for job in evidence.jobs:
            self.jobs_of[_order_of(job, self.by_own_reference)].append(job)
        self.heard = defaultdict(list)
        for told in evidence.acknowledged:
            if told["kind"] == "notified":
                self.heard[told["order"]].append(told)
        self.found = Findings(Counter(told["kind"] for told in evidence.acknowledged), lost=list(evidence.damage))
        self.lost, self.doubled, self.unresolved = (
            self.found.lost.append,
            self.found.doubled.append,
            self.found.unresolved.append,
        )

    def findings(self) -> Findings:
        self._the_ledgers_jobs()
        for reference, order in self.orders.items():
            self._money(reference, order)
            self._operations(reference, order)
            self._rest(reference, order)
            self._news(reference, order)
        self._arrivals()
        self._webhooks()
        self._clients()
        return self.found

    # The gateway's side

    def _the_ledgers_jobs(self) -> None:
        """Every job was wanted by an order that says so, under a name of its own."""
        names = Counter(job["order_number"] for job in self.evidence.jobs)
        for name, count in names.items():
            if count > 1:
                self.doubled(f"{name}: {count} payment jobs have this name at the gateway")
            if name not in self.by_own_reference:
                self.lost(f"{name}: the gateway has a payment job, and no order tells of it")

    def _money(self, reference: str, order: Document) -> None:
        """Every payment is here what it is there."""
        here = {payment["reference"]: payment for job in order["jobs"] for payment in job["payments"]}
        there = {payment["reference"]: payment for job in self.jobs_of[reference] for payment in job["payments"]}
        for name in here.keys() - there.keys():
            self.lost(f"{reference}: payment {name} is not in the gateway's ledger")
        for name, payment in there.items():
            taken, returned = _captured_there(payment), _refunded_there(payment)
            known = here.get(name)
            counted = _captured_here(known) if known else 0
            given_back = known["refunded_minor"] if known and known["statuses"][-1] in HELD else 0
            if counted > taken:
                self.doubled(f"{reference}: {counted} counted as captured, the gateway captured {taken}")
            if counted < taken:
                self.unresolved(f"{reference}: the gateway captured {taken}, {counted} is known here")
            if given_back != returned and not payment["voided_at"]:
                self.unresolved(f"{reference}: the gateway returned {returned}, {given_back} is known here")
            if returned > taken and not payment["voided_at"]:
                self.doubled(f"{reference}: {returned} returned of {taken}")
        due, taken = order["terms"]["amount"]["minor"], sum(map(_captured_there, there.values()))
        if taken > due:
            self.doubled(f"{reference}: {taken} taken for an order of {due}")

    # The orders' side

    def _operations(self, reference: str, order: Document) -> None:
        refunds = defaultdict(list)
        payments = {payment["reference"]: payment for job in self.jobs_of[reference] for payment in job["payments"]}
        for payment in payments.values():
            for refund in payment["refunds"]:
                if refund["status"] != "Failed":
                    refunds[refund["number"]].append(refund["amount_minor"])
        asked = {operation["own_reference"]: operation for operation in order["operations"]}
        for number, amounts in refunds.items():
            if number not in asked or asked[number]["kind"] != "refund":
                self.doubled(f"{reference}: the gateway made refund {number}, which nobody asked for")
            elif amounts != [asked[number]["amount_minor"]]:
                self.doubled(f"{reference}: refund {number} of {asked[number]['amount_minor']} was made as {amounts}")
        for operation in order["operations"]:
            self._operation(reference, operation, payments.get(operation["payment_reference"], NOTHING), refunds)
        keys = Counter(operation["idempotency"] for operation in order["operations"] if operation["idempotency"])
        for key, count in keys.items():
            if count > 1:
                self.doubled(f"{reference}: one key made {count} operations ({key[:8]})")

    def _operation(self, reference: str, operation: Document, payment: Document, refunds: dict[str, list[int]]) -> None:
        what = f"{reference}: {operation['kind']} {operation['number']}"
        done = {
            "refund": operation["own_reference"] in refunds,
            "capture": sum(capture["amount_minor"] for capture in payment["captures"]) >= operation["amount_minor"],
            "void": payment["voided_at"] is not None,
        }[operation["kind"]]
        if operation["state"] not in SETTLED:
            self.unresolved(f"{what} is {operation['state']}")
        elif operation["state"] == "succeeded" and not done:
            self.lost(f"{what} is called done, and the gateway has not done it")
        elif operation["state"] != "succeeded" and done and not self._done_by_another(operation):
            self.lost(f"{what} is {operation['state']}, and the gateway has done it")

    def _done_by_another(self, operation: Document) -> bool:
        """A capture or a void has no name at the gateway: another one of the same payment may have done it."""
        order = self.orders[operation["own_reference"].rpartition("~")[0]]
        return operation["kind"] != "refund" and any(
            other["state"] == "succeeded"
            and (other["kind"], other["payment_reference"]) == (operation["kind"], operation["payment_reference"])
            for other in order["operations"]
        )

    def _rest(self, reference: str, order: Document) -> None:
        for item in order["attention"]:
            if item["resolved_at"] is None:
                self.unresolved(f"{reference}: a person is still to look: {item['detail']}")
        for job in order["jobs"]:
            if job["state"] == "intent":
                self.unresolved(f"{reference}: payment job {job['number']} is still being made")

    def _news(self, reference: str, order: Document) -> None:
        """The shop was told everything, in order, in the same bytes, and what it heard last is so."""
        heard = self.heard[reference]
        pending = {notice["sequence"] for notice in order["outbox"] if notice["state"] != "delivered"}
        bodies = defaultdict(set)
        for told in heard:
            bodies[told["sequence"]].add((told["id"], told["digest"]))
        firsts = list(dict.fromkeys(told["sequence"] for told in heard))
        if firsts != sorted(firsts):
            self.lost(f"{reference}: the shop was told out of order: {firsts}")
        for sequence in range(1, order["notified"] + 1):
            if sequence in pending:
                self.unresolved(f"{reference}: notification {sequence} is not delivered")
            elif sequence not in bodies:
                self.lost(f"{reference}: notification {sequence} counts as delivered, and never came")
        for sequence, told_as in bodies.items():
            if len(told_as) > 1:
                self.doubled(f"{reference}: notification {sequence} came with {len(told_as)} different contents")
            if sequence > order["notified"]:
                self.lost(f"{reference}: notification {sequence} came, and the order knows of {order['notified']}")
        payments = [payment for job in self.jobs_of[reference] for payment in job["payments"]]
        if any(_captured_there(payment) for payment in payments) and order["notified"] == 0:
            self.unresolved(f"{reference}: money was taken, and there is no news of it for the shop")

    # What was sent, and what was acknowledged

    def _arrivals(self) -> None:
        """Nothing that changes something reached the gateway more often than it was planned."""
        planned: Counter[tuple[str, str]] = Counter()
        for order in self.evidence.orders:
            planned.update(("create", job["own_reference"]) for job in order["jobs"])
            planned.update((each["kind"], each["payment_reference"]) for each in order["operations"])
        arrived = Counter(filter(None, map(_changed, self.evidence.requests)))
        for (kind, what), count in arrived.items():
            if count > planned[kind, what]:
                self.doubled(f"{kind} of {what} reached the gateway {count} times, planned were {planned[kind, what]}")
        numbers = Counter(filter(None, map(_refund_number, self.evidence.requests)))
        for number, count in numbers.items():
            if count > 1:
                self.doubled(f"refund {number} was sent {count} times")

    def _webhooks(self) -> None:
        """Every acknowledged delivery is stored, as often as it was acknowledged, and worked through."""
        stored = {delivery["id"].rpartition("/")[2]: delivery for delivery in self.evidence.deliveries}
        acknowledged: Counter[str] = Counter()
        for webhook in self.evidence.webhooks:
            digest = hashlib.sha256(webhook["body"].encode()).hexdigest()
            acknowledged[digest] += sum(attempt["acknowledged"] for attempt in webhook["attempts"])
        for digest, count in acknowledged.items():
            if count and (digest not in stored or stored[digest]["received"] < count):
                self.lost(f"webhook {digest[:12]} was acknowledged {count} times, and is not stored so often")
        self.found.acknowledged["webhook"] = acknowledged.total()
        for delivery in stored.values():
            if delivery["received"] > delivery["done"]:
                self.unresolved(f"webhook {delivery['id'][-64:][:12]} is not worked through")

    def _clients(self) -> None:
        numbers_of_key = defaultdict(set)
        for told in self.evidence.acknowledged:
            order = self.orders.get(told["order"])
            if order is None:
                self.lost(f"{told['order']}: acknowledged ({told['kind']}), and there is no such order")
                continue
            for trouble in self._as_acknowledged(told, order):
                self.lost(f"{told['order']}: {trouble}")
            if told["kind"] == "operation":
                numbers_of_key[told["key"]].add((told["order"], told["number"]))
        for key, numbers in numbers_of_key.items():
            if len(numbers) > 1:
                self.doubled(f"key {key} was answered with {len(numbers)} operations: {sorted(numbers)}")

    def _as_acknowledged(self, told: Document, order: Document) -> Iterator[str]:
        match told["kind"]:
            case "created":
                yield from self._created(told, order)
            case "paid":
                payments = self.jobs.get(told["job"], {"payments": ()})["payments"]
                if not any(payment["paid_minor"] or payment["authorized_minor"] for payment in payments):
                    yield "the page said that it is paid, and the ledger shows no money"
                if not any(_has_or_had_money(payment) for job in order["jobs"] for payment in job["payments"]):
                    yield "the page said that it is paid, and the order knows nothing of it"
            case "told":
                payments = [payment for job in self.jobs_of[told["order"]] for payment in job["payments"]]
                if (
                    told["status"] == "paid"
                    and sum(p["paid_minor"] for p in payments) < order["terms"]["amount"]["minor"]
                ):
                    yield "a customer was told that it is paid, and the gateway never took its amount"
            case "operation":
                yield from _operation_acknowledged(told, order)

    def _created(self, told: Document, order: Document) -> Iterator[str]:
        page = {job["job_reference"]: job["action_url"] for job in order["jobs"]}
        if page.get(told["job"]) != told["action_url"]:
            yield f"page of job {told['job']} was handed out, and the order does not know it"
        if told["job"] not in self.jobs:
            yield f"page of job {told['job']} was handed out, and the gateway has no such job"
        if order["terms"]["amount"]["minor"] != told["amount_minor"]:
            yield f"created for {told['amount_minor']}, stored for {order['terms']['amount']['minor']}"


def _operation_acknowledged(told: Document, order: Document) -> Iterator[str]:
    known = {operation["number"]: operation for operation in order["operations"]}.get(told["number"])
    if known is None:
        yield f"operation {told['number']} was acknowledged, and is not known"
        return
    if (known["kind"], known["amount_minor"]) != (told["operation"], told["amount_minor"]):
        yield f"operation {told['number']} was acknowledged as {told['operation']} of {told['amount_minor']}"
    if told["state"] in SETTLED and known["state"] != told["state"]:
        yield f"operation {told['number']} was said to be {told['state']}, and is {known['state']}"


def _order_of(job: Document, by_own_reference: dict[str, Document]) -> str:
    order = by_own_reference.get(job["order_number"])
    return str(order["terms"]["reference"]) if order else ""


def _captured_there(payment: Document) -> int:
    return 0 if payment["voided_at"] else int(payment["captured_minor"])


def _refunded_there(payment: Document) -> int:
    return sum(refund["amount_minor"] for refund in payment["refunds"] if refund["status"] == "Completed")


def _captured_here(payment: Document) -> int:
    return int(payment["captured_minor"]) if payment["statuses"][-1] in HELD else 0


def _has_or_had_money(payment: Document) -> bool:
    return bool({"authorized", "captured", "voided", "cancelled"} & set(payment["statuses"]))


def _changed(request: Document) -> tuple[str, str] | None:
    """What a request that reached the gateway was to change; voids are cancellations of a payment."""
    if request["call"] == "create":
        return "create", request["order_number"]
    _, named, payment = request["path"].partition("/payments/")
    kind = "void" if request["call"] == "cancel" and named else request["call"]
    return (kind, payment.partition("/")[0]) if kind in ("capture", "refund", "void") else None


def _refund_number(request: Document) -> str | None:
    if request["call"] != "refund":
        return None
    document = {name.lower(): value for name, value in json.loads(request["summary"]).items()}
    return str(document["refundnumber"])
