import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import InvalidOrderReference
from backend.domain.references import OrderReference, own_reference, parse_order_reference, split_own_reference


@pytest.mark.parametrize("text", ["T", "TEST-001", "2019-03-18/1001", "a.b_c-d/e", "x" * 35])
def test_order_references_are_accepted(text: str) -> None:
    assert parse_order_reference(text) == text


@pytest.mark.parametrize("text", ["", "x" * 36, "a b", "a~2", "é", "a\n", "<script>", "a%2f", "１"])
def test_other_text_is_no_order_reference(text: str) -> None:
    with pytest.raises(InvalidOrderReference):
        parse_order_reference(text)


@given(st.from_regex(r"[A-Za-z0-9._/-]{1,35}", fullmatch=True), st.integers(1, 99))
def test_the_order_is_found_behind_each_of_its_jobs_names(text: str, number: int) -> None:
    reference = OrderReference(text)
    assert split_own_reference(own_reference(reference, number)) == (reference, number)


@pytest.mark.parametrize("text", ["TEST~0", "TEST~", "TEST~2~3", "~2", "a b", "TEST~100"])
def test_other_names_are_none_of_ours(text: str) -> None:
    assert split_own_reference(text) is None
