import pytest

from backend.domain.job_tokens import JobTokens
from backend.domain.references import OrderReference, OwnReference, own_reference

TOKENS = JobTokens.derived("a secret of the tests")


@pytest.mark.parametrize("reference", ["A", "TEST-001", "2026/03.02_x", "Z" * 35])
@pytest.mark.parametrize("number", [1, 2, 20])
def test_a_token_names_the_job_it_was_made_for(reference: str, number: int) -> None:
    job = own_reference(OrderReference(reference), number)
    token = TOKENS.token("cashflows", job)
    assert TOKENS.read("cashflows", token) == job
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_a_token_of_another_gateway_or_secret_is_none() -> None:
    token = TOKENS.token("cashflows", OwnReference("A"))
    assert TOKENS.read("acme", token) is None
    assert JobTokens.derived("another secret").read("cashflows", token) is None


@pytest.mark.parametrize("index", range(26))
def test_a_changed_token_is_none(index: int) -> None:
    token = TOKENS.token("cashflows", OwnReference("AB"))
    changed = token[:index] + ("x" if token[index] != "x" else "y") + token[index + 1 :]
    assert TOKENS.read("cashflows", changed) is None


@pytest.mark.parametrize("token", ["", ".", "QQ", "QQ.", "é.é", "_____.x", "A" * 1000, "QQ==.AAAA", "gA.AAAA"])
def test_what_is_no_token_is_none(token: str) -> None:
    assert TOKENS.read("cashflows", token) is None


@pytest.mark.parametrize("ending", ["é", "\udce9", "x" * 100])
def test_a_token_with_anything_behind_it_is_none(ending: str) -> None:
    assert TOKENS.read("cashflows", TOKENS.token("cashflows", OwnReference("A")) + ending) is None


def test_the_key_does_not_show_itself_and_is_not_the_secret() -> None:
    assert "key" not in repr(TOKENS)
    assert TOKENS.key != b"a secret of the tests"
