"""What each command says and does, and how it ends."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from backend.cli.output import harmless
from backend.config import Settings
from backend.open_store import store_name
from tests.api.program import program

from .conftest import Run


def test_every_command_says_in_help_what_it_does_and_can_answer_in_json(run: Run) -> None:
    told = run("--help")
    for name in ("run", "simulate", "token", "orders", "show", "explain", "refund", "capture", "void", "reconcile"):
        assert name in told
    for name in ("token", "orders", "show", "explain", "deliveries", "notifications", "refund", "capture", "void"):
        assert "--json" in run(name, "--help")
    for name in ("reconcile", "replay", "verify", "export", "import", "operator-key"):
        assert "--json" in run(name, "--help")


def test_an_order_is_found_shown_and_explained(run: Run, paid: str) -> None:
    (row,) = run("orders", "--status", "paid", "--email", "TEST@example.com", "--json")
    assert (row["order"], row["amount"], row["captured"], row["attention"]) == (paid, "10.00 GBP", "10.00", [])
    assert run("orders", "--attention", "--json") == []
    assert run("orders", "--reference", "OTHER").strip() == "no order fits"
    assert "TEST-001" in run("orders")
    shown = run("show", paid)
    for words in ("paid", "captured", "payment observed", "customer alice"):
        assert words in shown
    assert run("show", paid, "--json")["order"]["history"][0]["event"]["kind"] == "order_placed"
    assert "Possible now: refund up to 10.00 GBP" in run("explain", paid)
    assert run("explain", paid, "--json")["known"][0].startswith("Order TEST-001 for 10.00 GBP")


def test_a_refund_is_sent_once_however_often_it_is_asked_for(run: Run, paid: str) -> None:
    words = ("refund", paid, "--amount", "4.00", "--reason", "sent back", "--number", "1", "--by", "ann", "--json")
    first, second = run(*words), run(*words)
    assert first["operation"] == second["operation"]
    assert (first["operation"]["state"], first["operation"]["asked_by"]) == ("succeeded", "ann")
    assert first["status"] == "partially_refunded"
    (row,) = run("orders", "--json")
    assert row["refunded"] == "4.00"
    assert "refund 2 of 6.00 GBP was carried out" in run("refund", paid, "--reason", "the rest")


def test_what_cannot_be_done_ends_with_1_and_changes_nothing(run: Run, paid: str) -> None:
    assert "at most 10.00 GBP" in run("refund", paid, "--amount", "10.01", "--reason", "too much", code=1)
    assert "capture" in run("capture", paid, "--reason", "again", code=1)
    assert "there is no order NONE in mock mode" in run("show", "NONE", code=1)
    assert "plain digits" in run("refund", paid, "--amount", "four", "--reason", "typing", code=1)
    assert run("show", paid, "--json")["order"]["operations"] == []


def test_a_wrong_setting_or_word_ends_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No such option" in run("orders", "--colour", code=2)
    monkeypatch.setenv("PORT", "none")
    assert "PORT" in run("orders", code=2)


def test_a_store_that_is_away_ends_with_3(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orders.sqlite3").mkdir()
    monkeypatch.setenv("STORE_TIMEOUT_SECONDS", "1")
    assert "the same command may be given again" in run("orders", code=3)


def test_a_status_that_there_is_not_ends_with_2_and_a_reference_is_said_to_be_a_beginning(run: Run, paid: str) -> None:
    assert "status must be one of pending" in run("orders", "--status", "bogus", code=2)
    assert "how it begins" in run("orders", "--help")
    assert paid in run("orders", "--reference", paid[:4])


def test_a_refund_that_awaits_a_second_person_says_who_approves_it_and_how(
    run: Run, paid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUND_APPROVAL_ABOVE", "5")
    told = run("refund", paid, "--reason", "sent back", "--by", "ann", code=3)
    assert "it awaits a second person: somebody other than ann approves it at " in told
    assert f"/console/orders/{paid}, or with an operator's key by POST " in told
    assert f"/api/operator/orders/{paid}/operations/1/approve" in told


def test_a_void_takes_back_what_was_captured_today(run: Run, paid: str) -> None:
    assert "void 1 of 10.00 GBP was carried out" in run("void", paid, "--reason", "typed twice", "--by", "ann")


def test_deliveries_are_listed_and_replayed_and_a_dry_run_only_tells(run: Run, paid: str) -> None:
    deliveries = run("deliveries", "--json")
    assert {row["outcome"] for row in deliveries} == {"applied"}
    one = deliveries[0]["delivery"]
    assert "knows it already" in run("replay", one, "--dry-run", "--json")["outcome"]
    assert run("replay", one, "--json")["outcome"] == "applied"
    assert "no such delivery" in run("replay", "mock/cashflows/none", code=1)
    assert run("deliveries", "--pending").strip() == "no delivery fits"


def test_a_dry_run_foresees_what_a_lost_webhook_would_have_done(run: Run, tmp_path: Path) -> None:
    async def lose() -> None:
        async with program(tmp_path) as shop:
            created = (await shop.create()).json()
            told = {"status": "declined", "orderReference": "OTHER", "paymentReference": created["payment_reference"]}
            await shop.webhook({"event": "payment.declined", **told})

    asyncio.run(lose())
    (row,) = run("deliveries", "--pending", "--json")
    assert run("replay", row["delivery"], "--dry-run").startswith("nothing now: no such order")


def test_reconcile_asks_about_one_order_and_about_everything_that_is_due(run: Run, paid: str) -> None:
    assert run("reconcile", paid).strip() == f"order {paid} is paid"
    assert run("reconcile", "--json")["looked_at"] >= 0


def test_verify_finds_a_changed_byte_and_ends_with_4(run: Run, paid: str, tmp_path: Path) -> None:
    assert run("verify").strip() == f"1 orders verified, 0 wrong, in {tmp_path}/orders.sqlite3"
    with closing(sqlite3.connect(tmp_path / "orders.sqlite3")) as store, store:
        (text,) = store.execute("SELECT document FROM orders").fetchone()
        document = json.loads(text)
        document["history"][0]["actor"] = "customer mallory"
        store.execute("UPDATE orders SET document = ?", (json.dumps(document),))
    wrong = run("verify", "--json", code=4)["wrong"]
    assert wrong == {"mock/TEST-001": ["history entry 1 was changed after it was written"]}


READING: Final = (
    ("verify",),
    ("orders",),
    ("show", "A"),
    ("explain", "A"),
    ("deliveries",),
    ("notifications",),
    ("export", "backup.jsonl"),
    ("support-bundle", "A"),
    ("endpoint",),
    ("gateway",),
    ("refund", "A", "--reason", "sent back"),
)


@pytest.mark.parametrize("words", READING, ids=lambda words: words[0])
def test_whoever_looks_in_the_wrong_folder_is_told_where_and_leaves_nothing_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DATA_DIR", "data")
    told = run(*words, code=2)
    assert told.startswith(f"there is no store: looked for {tmp_path}/data/orders.sqlite3; set DATA_DIR")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://ann:s3cret@db1:27017,db2/?tlsCertificateKeyFilePassword=s3cret", "mongodb://db1:27017,db2"),
        ("mongodb+srv://ann:s3cret@db.example", "mongodb+srv://db.example"),
        ("mongodb://localhost", "mongodb://localhost"),
        ("mongodb://ann:s3cret/s3cret@db", "MongoDB"),
        ("mongodb://ann:s@s3cret@db", "MongoDB"),
    ],
)
def test_a_mongodb_is_named_without_credentials(url: str, shown: str) -> None:
    settings = Settings(_env_file=None, mongo_url=SecretStr(url), db_name="shop")
    assert store_name(settings) == f"{shown}, database shop"


def change_document(folder: Path, order: str, change: str) -> None:
    with closing(sqlite3.connect(folder / "orders.sqlite3")) as store, store:
        store.execute(f"UPDATE orders SET document = {change} WHERE id = ?", (order,))  # noqa: S608 - a test's own words


@pytest.fixture
def damaged(run: Run, paid: str, tmp_path: Path) -> Path:
    """The data folder, with an order before the good one and two after it that nobody can read."""
    with closing(sqlite3.connect(tmp_path / "orders.sqlite3")) as store, store:
        for name in ("mock/A", "mock/Y", "mock/Z"):
            store.execute(
                "INSERT INTO orders SELECT ?, mode, version, next_check_at, '[]', document, next_notice_at, '[]', "
                "status, email, amount_minor, currency, placed_at, needs_attention, at_risk_minor FROM orders "
                "WHERE id = 'mock/TEST-001'",
                (name,),
            )
    change_document(tmp_path, "mock/A", "substr(document, 1, 500)")
    change_document(tmp_path, "mock/Y", "CAST(X'7bff7d' AS TEXT)")
    change_document(tmp_path, "mock/Z", "json_set(document, '$.schema', 99)")
    return tmp_path


def test_verify_names_what_it_cannot_read_and_checks_the_rest(run: Run, paid: str, damaged: Path) -> None:
    change_document(damaged, f"mock/{paid}", "replace(document, 'customer alice', 'customer mallo')")
    told = run("verify", "--json", code=4)
    assert told["orders"] == 4
    assert {order: sentences[0][:20] for order, sentences in told["wrong"].items()} == {
        "mock/A": "cannot be read: its ",
        "mock/TEST-001": "history entry 1 was ",
        "mock/Y": "cannot be read: its ",
        "mock/Z": "was written in schem",
    }
    assert "mock/Y: cannot be read: its text is no UTF-8" in run("verify", code=4)


def test_verify_names_an_order_without_a_history(run: Run, paid: str, damaged: Path) -> None:
    change_document(damaged, f"mock/{paid}", "json_set(document, '$.history', json('[]'))")
    assert run("verify", "--json", code=4)["wrong"][f"mock/{paid}"] == ["its history tells of no order (it is empty)"]


def test_export_writes_what_can_be_read_and_names_the_rest(run: Run, paid: str, damaged: Path) -> None:
    told = run("export", "backup.jsonl", code=4)
    assert "exported 1 orders to backup.jsonl" in told
    for line in ("mock/A cannot be read", "mock/Y cannot be read", "mock/Z was written in schema 99"):
        assert line in told
    assert "backup.jsonl is not whole: it lacks 3 orders; docs/stores.md" in told
    again = run("export", "again.jsonl", "--json", code=4)
    assert (again["orders"], sorted(again["unreadable"])) == (1, ["mock/A", "mock/Y", "mock/Z"])
    assert run("import", "backup.jsonl", "--json")["kept"] == 1


def test_an_order_that_cannot_be_read_is_told_with_what_to_do(run: Run, paid: str, damaged: Path) -> None:
    for command in ("show", "explain"):
        for order in ("A", "Y"):
            told = run(command, order, code=4)
            assert told.startswith(f"mock/{order} cannot be read: ")
            assert "docs/stores.md (Backup) tells how to bring such an order back" in told
        assert "run the newer version" in run(command, "Z", code=4)
    assert paid in run("orders")


def test_export_and_import_tell_how_many_orders_they_carried(run: Run, paid: str, tmp_path: Path) -> None:
    file = str(tmp_path / "export.jsonl")
    assert run("export", file, "--json") == {"file": file, "orders": 1, "unreadable": {}}
    assert "exists already" in run("export", file, code=1)
    assert run("import", file, "--json") == {"added": 0, "updated": 0, "kept": 1, "conflicts": {}}


def test_import_names_an_order_that_went_another_way_and_ends_with_4(run: Run, paid: str, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "orders.sqlite3", tmp_path / "before.sqlite3")
    run("refund", paid, "--amount", "1.00", "--reason", "sent back")
    run("export", "refunded.jsonl")
    (tmp_path / "before.sqlite3").replace(tmp_path / "orders.sqlite3")
    run("refund", paid, "--amount", "2.00", "--reason", "sent back")
    told = run("import", "refunded.jsonl", code=4)
    assert "0 added, 0 updated, 0 kept as they were" in told
    assert "mock/TEST-001 has another history here than in the file" in told
    assert "1 orders of the file were left as they are in the store" in told
    assert [each["amount_minor"] for each in run("show", paid, "--json")["order"]["operations"]] == [200]


def test_notifications_of_an_order_can_be_listed(run: Run, paid: str) -> None:
    assert isinstance(run("notifications", paid, "--json"), list)
    assert run("notifications").strip() == "none"


def test_text_from_outside_cannot_command_a_terminal() -> None:
    assert harmless("a\x1b[2Jb\rc\n\u202e") == "a�[2Jb�c\n�"
