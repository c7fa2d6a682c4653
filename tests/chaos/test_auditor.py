"""The auditor bites: an honest world passes, and each way of doctoring it is found. And it shares no code."""

import ast
import copy
import hashlib
import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .auditor import audit
from .evidence import Evidence, SqliteStore, gathered

HERE = Path(__file__).parent
WEBHOOK = json.dumps({"status": "captured", "paymentReference": "P1"})
DIGEST = hashlib.sha256(WEBHOOK.encode()).hexdigest()


def honest() -> Evidence:
    """One order of 10.00, paid, with 3.00 given back, told of twice."""
    operation = {
        "number": 1, "kind": "refund", "own_reference": "A~r1", "payment_reference": "P1", "amount_minor": 300,
        "state": "succeeded", "idempotency": "k" * 16,
    }  # fmt: skip
    payment = {"reference": "P1", "statuses": ["captured"], "captured_minor": 1000, "refunded_minor": 300}
    job = {"number": 1, "own_reference": "A", "job_reference": "J1", "action_url": "page", "state": "open"}
    order = {
        "terms": {"reference": "A", "amount": {"minor": 1000}},
        "jobs": [job | {"payments": [payment]}],
        "operations": [operation],
        "attention": [],
        "outbox": [],
        "notified": 2,
    }
    taken = {
        "reference": "P1", "captured_minor": 1000, "authorized_minor": 1000, "paid_minor": 1000, "voided_at": None,
        "captures": [], "refunds": [{"number": "A~r1", "amount_minor": 300, "status": "Completed"}],
    }  # fmt: skip
    refund = {"call": "refund", "path": "/payment-jobs/J1/payments/P1/refunds", "order_number": "A"}
    told = {"order": "A", "kind": "notified"}
    return Evidence(
        orders=[order],
        deliveries=[{"id": f"mode/cashflows/{DIGEST}", "received": 1, "done": 1}],
        jobs=[{"reference": "J1", "order_number": "A", "payments": [taken]}],
        webhooks=[{"body": WEBHOOK, "attempts": [{"acknowledged": True}]}],
        requests=[
            {"call": "create", "path": "/payment-jobs", "order_number": "A", "summary": "{}"},
            refund | {"summary": json.dumps({"refundnumber": "A~r1"})},
        ],
        acknowledged=[
            {"kind": "created", "order": "A", "job": "J1", "action_url": "page", "amount_minor": 1000},
            {"kind": "paid", "order": "A", "job": "J1"},
            {"kind": "told", "order": "A", "status": "paid"},
            told | {"id": "A/1", "sequence": 1, "digest": "one"},
            told | {"id": "A/2", "sequence": 2, "digest": "two"},
            {"kind": "operation", "order": "A", "key": "K", "number": 1, "operation": "refund", "amount_minor": 300,
             "state": "succeeded"},
        ],
    )  # fmt: skip


def test_an_honest_world_is_clean_and_everything_acknowledged_is_counted() -> None:
    found = audit(honest())
    assert (found.lost, found.doubled, found.unresolved) == ([], [], [])
    assert found.acknowledged == {"created": 1, "paid": 1, "told": 1, "notified": 2, "operation": 1, "webhook": 1}


def order(evidence: Any) -> Any:
    return evidence.orders[0]


def here(evidence: Any) -> Any:
    return order(evidence)["jobs"][0]["payments"][0]


def there(evidence: Any) -> Any:
    return evidence.jobs[0]["payments"][0]


def operation(evidence: Any) -> Any:
    return order(evidence)["operations"][0]


def second_refund_under_its_name(evidence: Any) -> None:
    there(evidence)["refunds"].append({"number": "A~r1", "amount_minor": 300, "status": "Completed"})
    here(evidence)["refunded_minor"] = 600


def refund_that_nobody_asked_for(evidence: Any) -> None:
    there(evidence)["refunds"].append({"number": "B~r1", "amount_minor": 100, "status": "Completed"})
    here(evidence)["refunded_minor"] = 400


def refund_made_though_rejected(evidence: Any) -> None:
    operation(evidence)["state"] = evidence.acknowledged[-1]["state"] = "rejected"


def refund_not_made_though_done(evidence: Any) -> None:
    there(evidence)["refunds"].clear()
    here(evidence)["refunded_minor"] = 0


def order_never_learned_of_its_payment(evidence: Any) -> None:
    here(evidence).update(statuses=["pending"], captured_minor=0, refunded_minor=0)


def payment_gone_from_the_ledger(evidence: Any) -> None:
    there(evidence).update(captured_minor=0, authorized_minor=0, paid_minor=0, refunds=[])


def voided_there_and_counted_here(evidence: Any) -> None:
    there(evidence).update(voided_at="now", refunds=[])


def second_payment(evidence: Any) -> None:
    evidence.jobs[0]["payments"].append(there(evidence) | {"reference": "P2", "refunds": []})
    order(evidence)["jobs"][0]["payments"].append(here(evidence) | {"reference": "P2", "refunded_minor": 0})


def operation_under_a_second_number(evidence: Any) -> None:
    order(evidence)["operations"].append(operation(evidence) | {"number": 2, "own_reference": "A~r2"})
    there(evidence)["refunds"].append({"number": "A~r2", "amount_minor": 300, "status": "Completed"})
    here(evidence)["refunded_minor"] = 600


def later_news_first(evidence: Any) -> None:
    acknowledged = evidence.acknowledged
    acknowledged[3], acknowledged[4] = acknowledged[4], acknowledged[3]


Doctor = Callable[[Any], object]
LOST: dict[str, Doctor] = {
    "no such order": lambda e: e.orders.clear(),
    "its payment is not in the ledger": payment_gone_from_the_ledger,
    "nothing of what the page said": order_never_learned_of_its_payment,
    "another page": lambda e: order(e)["jobs"][0].update(action_url="other"),
    "another amount": lambda e: order(e)["terms"]["amount"].update(minor=999),
    "the gateway's job": lambda e: e.jobs.clear(),
    "called done and not done": refund_not_made_though_done,
    "called rejected and done": refund_made_though_rejected,
    "an operation": lambda e: order(e)["operations"].clear(),
    "an operation's amount": lambda e: e.acknowledged[-1].update(amount_minor=301),
    "an operation's end": lambda e: operation(e).update(state="unknown"),
    "a webhook": lambda e: e.deliveries.clear(),
    "a webhook's repeat": lambda e: e.webhooks[0]["attempts"].append({"acknowledged": True}),
    "news": lambda e: e.acknowledged.pop(4),
    "the order of the news": later_news_first,
    "news that the order forgot": lambda e: order(e).update(notified=1),
    "the file": lambda e: e.damage.append("the store is damaged"),
}
DOUBLED: dict[str, Doctor] = {
    "a refund": second_refund_under_its_name,
    "a refund nobody asked for": refund_that_nobody_asked_for,
    "a refund of more": lambda e: there(e)["refunds"][0].update(amount_minor=301),
    "a refund sent": lambda e: e.requests.append(e.requests[1]),
    "a payment": second_payment,
    "a payment counted": voided_there_and_counted_here,
    "a capture": lambda e: here(e).update(captured_minor=1001),
    "a payment job": lambda e: e.jobs.append(e.jobs[0]),
    "a create sent": lambda e: e.requests.append(e.requests[0]),
    "a capture sent": lambda e: e.requests.append({"call": "capture", "path": "/x/payments/P1/captures"}),
    "a void sent": lambda e: e.requests.append({"call": "cancel", "path": "/x/payments/P1/cancel"}),
    "an operation of one key": operation_under_a_second_number,
    "an answer to one key": lambda e: e.acknowledged.append(e.acknowledged[-1] | {"number": 2}),
    "news with other words": lambda e: e.acknowledged.append(e.acknowledged[4] | {"digest": "three"}),
}
UNRESOLVED: dict[str, Doctor] = {
    "a payment": order_never_learned_of_its_payment,
    "a refund": lambda e: here(e).update(refunded_minor=0),
    "an operation planned": lambda e: operation(e).update(state="planned"),
    "an operation unknown": lambda e: operation(e).update(state="unknown"),
    "a case": lambda e: order(e)["attention"].append({"resolved_at": None, "detail": "paid twice"}),
    "a payment job": lambda e: order(e)["jobs"][0].update(state="intent"),
    "a webhook": lambda e: e.deliveries[0].update(received=2),
    "news": lambda e: order(e)["outbox"].append({"sequence": 2, "state": "dead"}),
    "news that was never made": lambda e: (order(e).update(notified=0), e.acknowledged.__delitem__(slice(3, 5))),
}
DOCTORED = [
    (kind, name, doctor)
    for kind, table in (("lost", LOST), ("doubled", DOUBLED), ("unresolved", UNRESOLVED))
    for name, doctor in table.items()
]


@pytest.mark.parametrize(
    ("kind", "name", "doctor"), DOCTORED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_was_doctored_is_found(kind: str, name: str, doctor: Doctor) -> None:
    evidence = copy.deepcopy(honest())
    doctor(evidence)
    assert getattr(audit(evidence), kind), f"{name} was not found to be {kind}"


def test_evidence_is_read_from_the_files_as_they_lie(tmp_path: Path) -> None:
    store, ledger, book = tmp_path / "orders.sqlite3", tmp_path / "ledger.sqlite3", tmp_path / "book.jsonl"
    given = honest()
    with closing(sqlite3.connect(store, isolation_level=None)) as file:
        file.execute("CREATE TABLE orders (document)")
        file.execute("CREATE TABLE deliveries (id, received, done)")
        file.execute("INSERT INTO orders VALUES (?)", [json.dumps(given.orders[0])])
        file.execute("INSERT INTO deliveries VALUES (:id, :received, :done)", dict(given.deliveries[0]))
    with closing(sqlite3.connect(ledger, isolation_level=None)) as file:
        file.execute("CREATE TABLE jobs (body)")
        file.execute("CREATE TABLE webhooks (id, body)")
        file.execute("CREATE TABLE requests (id, call, path, order_number, summary)")
        file.execute("INSERT INTO jobs VALUES (?)", [json.dumps(given.jobs[0])])
        file.execute("INSERT INTO webhooks VALUES (1, ?)", [json.dumps(given.webhooks[0])])
        for request in given.requests:
            file.execute("INSERT INTO requests VALUES (1, :call, :path, :order_number, :summary)", dict(request))
    book.write_text("".join(json.dumps(told) + "\n" for told in given.acknowledged))
    found = audit(gathered(SqliteStore(store), ledger, book))
    assert found.clean
    assert found.acknowledged == audit(given).acknowledged


def test_the_auditor_shares_no_code_with_the_program() -> None:
    imported = set()
    for name in ("auditor", "evidence"):
        for node in ast.walk(ast.parse((HERE / f"{name}.py").read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                imported.add("." * node.level + (node.module or ""))
    foreign = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"pymongo", ".evidence"}
