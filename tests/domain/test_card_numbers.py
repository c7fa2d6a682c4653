import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.card_numbers import holds_card_number, without_card_numbers

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
        "4,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
        "4\ufe0f\u20e31\ufe0f\u20e3" + "1\ufe0f\u20e3" * 14,
        "4111, 1111-1111 | 1111",
        "3400:000000:00009",
        "(4111) (1111) (1111) (1111)",
        "4111\u00a011\u201111\u200b1111\u20091111",
        "\u06641\u0967\u0967\u00a01111\u00a01111\u00a01111",
    ],
)
def test_card_numbers_are_found(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize("mark", "\u00a0\u2009\u200b\u2011\u2014\u3000\ufeff\u00ad\u00b7\u2022,;:*|+#=~'\"\\()<>&\t\n")
@pytest.mark.parametrize("gap", ["{}", "{} ", " {} ", "{0}{0}{0}"])
def test_any_mark_may_stand_between_the_groups_of_a_card_number(mark: str, gap: str) -> None:
    for card in ("4111 1111 1111 1111", "3400 000000 00009", "6304 0000 0000 0000 004"):
        text = card.replace(" ", gap.format(mark))
        assert holds_card_number(text), text
        assert without_card_numbers(f"card {text} of Ann", "[hidden]") == "card [hidden] of Ann"


# Each is a Luhn-valid sequence of 13 to 19 digits with an issuer's first ones, if only its digits were looked at.
@pytest.mark.parametrize(
    "text",
    [
        "+44 (0)20 7946 0014",
        "31.03.2026 12:30:48",
        "2026-03-31 23:59:59.123451",
        "31.50, 42.00, 55.30, 62.13",
        "31,50 42,00 55,30 62,13",
        "sizes 38, 39, 40, 41, 42, 43, 44, 43",
        "(31) 1,234.50 (32) 2,345.63",
        "410, 415, 420, 425, 435",
    ],
)
def test_dates_phone_numbers_and_lists_are_none(text: str) -> None:
    assert not holds_card_number(text)
    assert without_card_numbers(text, "[hidden]") == text


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
    st.lists(
        st.sampled_from(["", " ", "-", ".", "/", "\u00a0", "\u200b", "\u2011", " \u2009"]), min_size=15, max_size=15
    ),
    st.text("abc :,\n", max_size=10),
)
def test_separators_and_words_around_do_not_hide_a_card_number(card: str, gaps: list[str], around: str) -> None:
    spaced = "".join(digit + gap for digit, gap in zip(card, [*gaps, ""], strict=False))
    assert holds_card_number(around + spaced.rstrip(" -./\u00a0\u200b\u2011\u2009") + around)


def test_a_long_hostile_text_is_read_in_no_time() -> None:
    assert not holds_card_number("1 " * 50_000)
