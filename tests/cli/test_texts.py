"""What people type on the command line is held to what the API takes, before anything is done."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from backend.api.fields import Reason
from backend.cli.texts import fault
from backend.domain.texts import LONGEST_REASON, SHORTEST_REASON

from .conftest import Run, in_a_shell

CARD_NUMBER = "4111 1111 1111 1111"
NO_REASONS = ("", "   ", "no", " no ", "x" * 501, "x" * 100_000, "two\nlines", "bell\x07", f"took {CARD_NUMBER} back")


@pytest.mark.parametrize("reason", NO_REASONS, ids=ascii)
@pytest.mark.parametrize(
    "words",
    [("refund", "TEST-001"), ("capture", "TEST-001"), ("void", "TEST-001"), ("erase", "test@example.com")],
    ids=lambda words: words[0],
)
def test_nothing_is_done_without_a_reason_that_the_api_would_take(
    run: Run, tmp_path: Path, words: tuple[str, ...], reason: str
) -> None:
    told = run(*words, "--reason", reason, code=2)
    assert "--reason" in told
    assert CARD_NUMBER not in told
    assert not (tmp_path / "orders.sqlite3").exists(), "it is refused before the store is opened"


def test_the_endpoint_is_paused_with_a_reason_only(run: Run) -> None:
    for words in ((), ("--reason", ""), ("--reason", "   "), ("--reason", CARD_NUMBER)):
        assert "--reason" in run("endpoint", "pause", *words, code=2)


@pytest.mark.parametrize("by", ["   ", "x" * 501, "ann\n", CARD_NUMBER], ids=ascii)
def test_who_did_it_is_held_to_the_same(run: Run, by: str) -> None:
    for words in (
        ("refund", "TEST-001", "--reason", "sent back"),
        ("reconcile", "TEST-001"),
        ("redeliver", "TEST-001", "1"),
        ("endpoint", "resume"),
        ("gateway", "resume", "cashflows"),
    ):
        assert "--by" in run(*words, "--by", by, code=2)


def test_the_name_of_whoever_is_logged_in_is_held_to_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", CARD_NUMBER)
    assert "say who you are with --by" in run("reconcile", "TEST-001", code=2)


def test_the_limits_are_the_apis() -> None:
    reasons = TypeAdapter(Reason)
    for text in ("x" * SHORTEST_REASON, "x" * LONGEST_REASON, "it\u2019s sent back, all of it"):
        assert fault(text, shortest=SHORTEST_REASON) is None
        assert reasons.validate_python(text) == text
    for text in ("x" * (SHORTEST_REASON - 1), "x" * (LONGEST_REASON + 1), "two\nlines", CARD_NUMBER):
        assert fault(text, shortest=SHORTEST_REASON) is not None
        with pytest.raises(ValidationError):
            reasons.validate_python(text)


@pytest.mark.parametrize(
    "words",
    [
        r"orders --reference $'A\xff'",
        r"show $'\xe4pfel'",
        r"refund A --reason $'sent \xff back'",
        r"$'\xff'",
        r"export $'\xff.jsonl'",
    ],
)
def test_bytes_that_are_no_text_are_refused_with_one_line(tmp_path: Path, words: str) -> None:
    done = in_a_shell(f"backend {words}", tmp_path)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.decode().splitlines()
    assert "is no UTF-8 text" in line
