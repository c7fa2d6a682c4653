"""Passwords of the console: an entry is made, read and compared; what is wrong is named and never shown."""

import pytest

from backend.domain.passwords import ConsoleUser, check_password, new_console_user, parse_console_users
from backend.domain.roles import Role

PASSWORD = "correct horse battery"
ENTRY = "ruth:refunder:scrypt$" + "A" * 22 + "$" + "B" * 43
KNOWN = "ruth:refunder:scrypt$MDEyMzQ1Njc4OWFiY2RlZg$xxaWgqTSKTdh7WrfWLps_DMbPoovZsowrLVRbAkJkjA"


def test_a_new_entry_lets_in_whoever_knows_the_password_and_nobody_else() -> None:
    users = parse_console_users(f"{ENTRY.replace('ruth', 'paul')}, {new_console_user('ruth', Role.REFUNDER, PASSWORD)}")
    found = check_password(users, "ruth", PASSWORD)
    assert found is not None
    assert (found.name, found.role) == ("ruth", Role.REFUNDER)
    assert check_password(users, "ruth", PASSWORD + "!") is None
    assert check_password(users, "paul", PASSWORD) is None
    assert check_password(users, "", PASSWORD) is None


def test_an_entry_made_long_ago_still_fits() -> None:
    assert check_password(parse_console_users(KNOWN), "ruth", PASSWORD) is not None


def test_entries_are_read_in_turn() -> None:
    assert parse_console_users("") == ()
    assert parse_console_users(f" {ENTRY} ,") == (ConsoleUser("ruth", Role.REFUNDER, "A" * 22, "B" * 43),)


@pytest.mark.parametrize(
    ("text", "number"),
    [(f"{ENTRY},{ENTRY}", 2), ("ruth:secret", 1), (f"{ENTRY},x", 2), (ENTRY.replace("refunder", "owner"), 1)],
)
def test_a_wrong_entry_or_a_second_of_one_name_is_named_by_its_number_and_not_shown(text: str, number: int) -> None:
    with pytest.raises(ValueError, match=f"^entry {number} must be as") as refused:
        parse_console_users(text)
    assert "secret" not in str(refused.value)
