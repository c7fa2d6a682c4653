"""What the memory of verified tokens may and may not do."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.api import tokens
from backend.api.errors import NotAuthenticated
from backend.api.tokens import TokenVerifier

from .program import JWT_SECRET, token


class Watch:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def test_a_remembered_token_ends_when_it_expires() -> None:
    watch = Watch()
    verifier = TokenVerifier(JWT_SECRET, now=watch)
    issued = token(exp=datetime.now(UTC) + timedelta(minutes=5))
    assert verifier.verify(issued) is verifier.verify(issued)
    watch.ahead = 299
    assert verifier.verify(issued).subject == "alice"
    watch.ahead = 301
    with pytest.raises(NotAuthenticated):
        verifier.verify(issued)


def test_one_changed_character_of_a_remembered_token_is_refused() -> None:
    verifier = TokenVerifier(JWT_SECRET)
    issued = token()
    verifier.verify(issued)
    for wrong in (issued[:-1], issued.replace("e", "f", 1), issued.upper()):
        with pytest.raises(NotAuthenticated):
            verifier.verify(wrong)


def test_the_memory_has_a_bound_and_forgotten_tokens_are_verified_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 2)
    verifier = TokenVerifier(JWT_SECRET)
    issued = [token(f"user-{n}") for n in range(4)]
    first = [verifier.verify(one) for one in issued]
    again = [verifier.verify(one) for one in issued]
    assert again == first
    assert again[0] is not first[0]


def test_forged_tokens_are_not_remembered() -> None:
    verifier = TokenVerifier(JWT_SECRET)
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            verifier.verify(token()[:-4] + "AAAA")


@pytest.mark.parametrize(
    ("audience", "claims", "is_taken"),
    [
        ("payments", {"aud": "payments"}, True),
        ("payments", {"aud": ["shop", "payments"]}, True),
        ("payments", {"aud": "shop"}, False),
        ("payments", {"aud": []}, False),
        ("payments", {"aud": ""}, False),
        ("payments", {"aud": {"payments": True}}, False),
        ("payments", {}, False),
        (None, {}, True),
        (None, {"aud": "shop"}, True),
    ],
)
def test_where_an_audience_is_set_only_its_tokens_are_taken(
    audience: str | None, claims: dict[str, Any], is_taken: bool
) -> None:
    verifier = TokenVerifier(JWT_SECRET, audience=audience)
    if is_taken:
        assert verifier.verify(token("alice", **claims)).subject == "alice"
    else:
        with pytest.raises(NotAuthenticated):
            verifier.verify(token("alice", **claims))


def test_a_token_that_is_made_here_is_for_the_audience_that_is_set() -> None:
    verifier = TokenVerifier(JWT_SECRET, audience="payments")
    made = verifier.mint(
        user="alice", email="a@example.com", is_admin=False, now=datetime.now(UTC), lifetime=timedelta(minutes=1)
    )
    assert verifier.verify(made).subject == "alice"


@pytest.mark.parametrize("user", ["", "\ud800", "alice\udfff", "a" * 201])
def test_no_token_is_made_for_a_user_whose_token_would_be_refused(user: str) -> None:
    verifier = TokenVerifier(JWT_SECRET)
    with pytest.raises(ValueError, match="1 to 200 characters"):
        verifier.mint(
            user=user, email="a@example.com", is_admin=False, now=datetime.now(UTC), lifetime=timedelta(minutes=1)
        )
