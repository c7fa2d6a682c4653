import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.card_numbers import holds_card_number

VISA, MASTERCARD, AMEX = "4111111111111111", "5555555555554444", "340000000000009"


@pytest.mark.parametrize(
    "text",
    [
        VISA,
        MASTERCARD,
        AMEX,
        "2223003122003222",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111 - 1111 1111 1111",
        f"please charge {VISA} today",
        f"card:{VISA}.",
        f"order 12, {VISA}",
        "12 4111 1111 1111 1111 99",
        "٤١١١١١١١١١١١١١١١",
        "４１１１１１１１１１１１１１１１",
        "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1",
    ],
)
def test_card_numbers_are_found(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Test User",
        "4111111111111112",
        "0000000000000000",
        "TEST-001",
        "20261123-000012",
        "07700 900123",
        "order 1234567890123456",
        "+44 20 7946 0018",
        "9" * 16,
        "411111111111",
        "260321017905077968",  # a gateway's reference of this year
    ],
)
def test_other_text_passes(text: str) -> None:
    assert not holds_card_number(text)


@given(
    st.sampled_from([VISA, MASTERCARD, AMEX]),
    st.lists(st.sampled_from(["", " ", "-", ".", "/"]), min_size=15, max_size=15),
    st.text("abc :,\n", max_size=10),
)
def test_separators_and_words_around_do_not_hide_a_card_number(card: str, gaps: list[str], around: str) -> None:
    spaced = "".join(digit + gap for digit, gap in zip(card, [*gaps, ""], strict=False))
    assert holds_card_number(around + spaced.rstrip(" -./") + around)


def test_a_long_hostile_text_is_read_in_no_time() -> None:
    assert not holds_card_number("1 " * 50_000)
