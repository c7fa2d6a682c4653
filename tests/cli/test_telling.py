import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.doctor import reaching
from backend.domain.endpoint_health import EndpointHealth
from backend.domain.notifications import NotificationState
from tests.shop.receiver import SECRET

from .conftest import Run, sell


@pytest.fixture
def told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A paid order of a shop that is not there to be told of it."""
    url = "http://localhost:9/hooks"
    monkeypatch.setenv("NOTIFICATION_URL", url)
    monkeypatch.setenv("NOTIFICATION_SECRET", SECRET)
    asyncio.run(sell(tmp_path, notification_url=url, notification_secret=SECRET))
    return "TEST-001"


def test_a_notification_is_sent_again(run: Run, told: str) -> None:
    (row,) = run("notifications", told, "--json")
    assert (row["type"], row["state"]) == ("order.paid", NotificationState.PENDING)
    assert run("redeliver", told, "1", "--json") == {"order": told, "sequence": 1}
    (row,) = run("notifications", told, "--json")
    assert row["attempts"] == 0
    assert "asked for it" in row["last answer"]
    assert "keeps no notification 7" in run("redeliver", told, "7", code=1)


def test_the_endpoint_is_shown_tried_paused_and_resumed(run: Run, told: str) -> None:
    tried = run("endpoint", "test", code=4)
    assert "taken: no" in tried
    assert "localhost" in tried
    paused = run("endpoint", "pause", "--reason", "we are moving", "--by", "ann", "--json")
    assert (paused["state"], paused["by"], paused["why"]) == ("paused", "ann", "we are moving")
    assert run("endpoint", "--json")["state"] == "paused"
    assert run("endpoint", "resume", "--json")["state"] == "in use"


def test_without_an_endpoint_each_command_says_what_to_set(run: Run, paid: str) -> None:
    assert run("endpoint").splitlines()[:3] == ["address: -", "state: off: NOTIFICATION_URL is not set", "since: -"]
    for words in (
        ("endpoint", "test"),
        ("endpoint", "pause", "--reason", "we are moving"),
        ("endpoint", "resume"),
        ("redeliver", paid, "1"),
    ):
        assert "set NOTIFICATION_URL" in run(*words, code=1)


def test_the_doctor_says_how_the_endpoint_does(run: Run, told: str) -> None:
    def finding(code: int) -> tuple[str, str]:
        (found,) = [each for each in run("doctor", "--json", code=code) if each["what"] == "notifications"]
        return found["level"], found["said"]

    run("endpoint", "pause", "--reason", "we are moving", "--by", "ann")
    assert finding(4) == ("wrong", "are paused by ann: we are moving")
    run("endpoint", "resume")
    failing = reaching.shop(
        "", EndpointHealth(failing_since=datetime(2026, 3, 2, 12, 0, tzinfo=UTC), why="answered 500")
    )
    assert (failing.level, failing.said) == ("wrong", "are not taken since 2026-03-02 12:00 UTC: answered 500")
    assert finding(0) == ("ok", "go to http://localhost:9/hooks; try it with `backend endpoint test`")
