import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import InvalidJson
from backend.domain.exact_json import DEEPEST, ExactJson, NumberText, loads


def test_numbers_keep_their_letters() -> None:
    assert loads(b'{"amount": 10.10, "big": 12345678901234567890, "exp": 1e3, "n": 5}') == {
        "amount": NumberText("10.10"),
        "big": NumberText("12345678901234567890"),
        "exp": NumberText("1e3"),
        "n": 5,
    }


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"a": 1,}', "Illegal trailing comma|Expecting property name"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"b": {"a": 1, "a": 1}}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'\xef\xbb\xbf{"a": 1}', "BOM"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "nested"),
        (b"[" * 33 + b"]" * 33, "nested"),
        (b'{"a": 1} x', "Extra data"),
        (b"{'a': 1}", "property name"),
    ],
)
def test_what_cannot_be_read_exactly_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(InvalidJson, match=why):
        loads(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        loads(body)
    except InvalidJson:
        return


JSON_VALUES: st.SearchStrategy[ExactJson] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**16), 10**17)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_honest_json_is_read_as_it_is(value: ExactJson) -> None:
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_brackets_side_by_side_are_no_depth_and_inside_one_another_they_are(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    flat = f"[{', '.join(f'{opening}1{closing}' for _ in range(2 * DEEPEST))}]"
    assert loads(flat.encode())
    deep = opening * (DEEPEST + 1) + "1" + closing * (DEEPEST + 1)
    with pytest.raises(InvalidJson, match="it is nested too deeply"):
        loads(deep.encode())


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_many_brackets_are_read_down_to_the_deepest_level(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    deep = opening * (DEEPEST - 2) + "1" + closing * (DEEPEST - 2)
    assert loads(f"[{deep}, {deep}]".encode())
    less_deep = opening * (DEEPEST - 3) + "1" + closing * (DEEPEST - 3)
    assert loads(f"[[{less_deep}, {less_deep}]]".encode())
    with pytest.raises(InvalidJson, match="it is nested too deeply"):
        loads(f"[[{deep}]]".encode())
