"""A customer is erased, and one order is handed out without personal data."""

import sqlite3
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

from tests.api.program import JWT_SECRET, WEBHOOK_SECRET

from .conftest import Run


def test_erase_takes_the_person_out_of_the_store_and_verify_still_passes(run: Run, paid: str, tmp_path: Path) -> None:
    run("reconcile", paid)
    done = run("erase", "TEST@example.com", "--reason", "asked for", "--json")
    assert done == {"erased": [paid], "still_open": []}
    assert run("erase", "test@example.com", "--reason", "again", "--json")["erased"] == []
    assert "0 wrong" in run("verify")
    (row,) = run("orders", "--json")
    assert (row["status"], row["captured"]) == ("paid", "10.00")
    with closing(sqlite3.connect(tmp_path / "orders.sqlite3")) as store:
        kept = "\n".join(store.iterdump())
    for personal in ("test@example.com", "Test User", "customer alice"):
        assert personal not in kept
    assert "refund 1 of 10.00 GBP was carried out" in run("refund", paid, "--reason", "sent back")


def test_a_support_bundle_holds_the_order_without_person_secret_or_page(run: Run, paid: str, tmp_path: Path) -> None:
    told = run("support-bundle", paid, "--json")
    with ZipFile(tmp_path / told["file"]) as bundle:
        parts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert sorted(parts) == told["parts"]
    assert "is paid" in parts["explanation.txt"]
    assert '"captured_minor": 1000' in parts["order.json"]
    assert paid in parts["deliveries.json"]
    text = "".join(parts.values())
    for hidden in ("test@example.com", "Test User", "alice", JWT_SECRET, WEBHOOK_SECRET, "/sandbox/payment?ref="):
        assert hidden not in text, hidden
    assert "exists already" in run("support-bundle", paid, code=1)
