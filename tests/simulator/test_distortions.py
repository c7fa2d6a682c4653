"""What each distortion does to a reply: the one thing that it is named for, and nothing else."""

import json
from typing import Any

import pytest

from backend.simulator import distortions as spoil
from backend.simulator.distortions import Answer

ANSWER = Answer(201, b'{"data":{"reference":"1","status":"Paid","amountToCollect":"10.00"}}')
DOCUMENT: dict[str, Any] = {
    "data": {
        "reference": "123",
        "configurationId": "456",
        "currency": "GBP",
        "status": "Paid",
        "amountToCollect": "10.00",
        "amountToCapture": "9.00",
        "amountCollected": "10.00",
        "order": {"orderNumber": "A-1", "amount": "10.00"},
    }
}


def test_an_error_says_what_and_how() -> None:
    answer = spoil.error_answer(503, "Busy", "Later.", **{"Retry-After": "5"})
    told = json.loads(answer.body)["errorReport"]
    assert told["errors"] == [{"code": "Busy", "message": "Later.", "parameters": [], "translatedMessage": "Later."}]
    assert (answer.status, answer.headers["Retry-After"], told["isFatalError"]) == (503, "5", True)


def test_a_page_in_place_of_a_reply_is_html_with_the_replys_status() -> None:
    page = spoil.html_page(ANSWER)
    assert (page.status, page.headers) == (201, {"Content-Type": "text/html; charset=utf-8"})
    assert page.body.startswith(b"<!doctype html>")


@pytest.mark.parametrize("spoilt", [spoil.malformed, spoil.truncated, spoil.empty, spoil.not_utf8])
def test_a_body_that_cannot_be_read_comes_with_the_replys_own_status(spoilt: Any) -> None:
    answer = spoilt(ANSWER)
    assert (answer.status, answer.headers) == (ANSWER.status, ANSWER.headers)
    with pytest.raises(ValueError, match=r"."):
        json.loads(answer.body)


def data_after(spoilt: Any) -> dict[str, Any]:
    data = spoilt(json.loads(json.dumps(DOCUMENT)))["data"]
    changed = {name: data[name] for name in data if data[name] != DOCUMENT["data"][name]}
    return changed | {name: None for name in DOCUMENT["data"] if name not in data}


def test_each_edit_changes_what_it_is_about_and_nothing_else() -> None:
    assert data_after(spoil.wrong_currency) == {"currency": "USD"}
    assert data_after(spoil.numeric_references) == {"reference": 123, "configurationId": 456}
    assert data_after(spoil.wrong_amount) == {
        "amountToCollect": "9.99",
        "amountToCapture": "8.99",
        "amountCollected": "9.99",
        "order": {"orderNumber": "A-1", "amount": "9.99"},
    }
    assert data_after(spoil.unknown_status) == {"status": "Quarantined"}
    stale = data_after(spoil.stale)
    assert (stale["status"], stale["amountCollected"]) == ("Pending", None)


def test_an_error_report_stands_where_the_data_was() -> None:
    told = spoil.error_inside(DOCUMENT)
    assert "data" not in told
    assert json.dumps(told).count('"errors": [{"code": "GenericError", "message": "Something went wrong."') == 1
