"""Keys and passwords: what is wrong in a command that makes one is said, and ends with 2."""

import pytest

from backend.cli.access import ConsoleRole
from backend.domain.roles import Role

from .conftest import Run

PASSWORD = ("--password", "correct horse battery staple")


@pytest.mark.parametrize("user", ["", "u" * 201])
def test_a_user_of_whom_no_token_would_be_taken_ends_with_2(run: Run, user: str) -> None:
    assert "a user is 1 to 200 characters" in run("token", "--user", user, code=2)


@pytest.mark.parametrize("name", ["an:na,x", "", "-anna", "anna " * 20])
def test_a_name_that_no_entry_can_hold_ends_with_2(run: Run, name: str) -> None:
    assert "the name must be 1 to 64 letters" in run("operator-key", "--role", "viewer", "--", name, code=2)
    assert "the name must be 1 to 64 letters" in run(
        "console-password", "--role", "viewer", *PASSWORD, "--", name, code=2
    )


def test_a_password_that_is_too_short_ends_with_2(run: Run) -> None:
    assert "a password has" in run("console-password", "anna", "--role", "viewer", "--password", "short", code=2)


def test_the_console_is_for_people_only(run: Run) -> None:
    assert [*ConsoleRole] == [role for role in Role if role is not Role.SERVICE]
    assert "service" not in run("console-password", "--help")
    run("console-password", "shop", "--role", "service", *PASSWORD, code=2)
    assert run("console-password", "anna", "--role", "refunder", *PASSWORD, "--json")["entry"].startswith(
        "anna:refunder:"
    )
