import re

import pytest

from backend.domain.roles import Role, find_operator_key, new_operator_key, parse_operator_keys

V, R, A, S = Role.VIEWER, Role.REFUNDER, Role.ADMIN, Role.SERVICE


@pytest.mark.parametrize(("has", "may"), [(V, {V}), (R, {V, R}), (A, {V, R, A}), (S, {S})])
def test_a_role_may_what_the_lesser_ones_may_and_the_shops_server_is_none_of_them(has: Role, may: set[Role]) -> None:
    assert {role for role in Role if has.includes(role)} == may


def test_a_new_key_is_found_by_the_entry_made_for_it_and_by_nothing_else() -> None:
    key, entry = new_operator_key("anna", Role.REFUNDER)
    other, _ = new_operator_key("anna", Role.REFUNDER)
    keys = parse_operator_keys(f" {entry} , ")
    found = find_operator_key(keys, key)
    assert found is not None
    assert (found.name, found.role) == ("anna", Role.REFUNDER)
    for wrong in (other, key[:-1], key + "x", "", "ok_", found.digest, "tökén"):
        assert find_operator_key(keys, wrong) is None


def test_settings_hold_nothing_of_a_key() -> None:
    key, entry = new_operator_key("anna", Role.ADMIN)
    assert re.fullmatch(r"ok_[A-Za-z0-9_-]{43}", key)
    assert key[3:] not in entry


def test_two_keys_of_one_name_are_both_valid_so_that_one_can_replace_the_other() -> None:
    (old, first), (new, second) = (new_operator_key("anna", Role.VIEWER) for _ in range(2))
    keys = parse_operator_keys(f"{first},{second}")
    assert [find_operator_key(keys, key) is not None for key in (old, new)] == [True, True]


@pytest.mark.parametrize(
    "text",
    [
        "anna",
        "anna:refunder:",
        f"anna:boss:{'0' * 64}",
        f"anna:viewer:{'A' * 64}",
        f"an na:viewer:{'0' * 64}",
        f":viewer:{'0' * 64}",
        f"{'a' * 65}:viewer:{'0' * 64}",
        f"ben:viewer:{'1' * 64},anna:viewer:{'0' * 63}",
        f"anna:viewer:{'0' * 64},anna:admin:{'1' * 64}",
        f"anna:viewer:{'0' * 64},ben:viewer:{'0' * 64}",
    ],
)
def test_a_wrong_entry_is_named_by_its_number_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^entry [12] ") as refused:
        parse_operator_keys(text)
    assert "anna" not in str(refused.value)


def test_no_keys_are_fine() -> None:
    assert parse_operator_keys("") == ()
    assert find_operator_key((), "ok_x") is None
