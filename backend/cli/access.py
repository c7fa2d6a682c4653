"""Make tokens to try the API with, and operators' keys."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..domain.roles import ENTRY, Role, new_operator_key
from .exits import Exit, fail
from .output import AsJson, print_json
from .session import load

if TYPE_CHECKING:
    from ..config import Settings

TOKEN_HOURS: Final = 8
NAME: Final = "must be 1 to 64 letters, digits and . _ @ -, a letter or digit first"


class ConsoleRole(StrEnum):
    """``Role`` of people; a shop's server signs in nowhere."""

    VIEWER = "viewer"
    REFUNDER = "refunder"
    ADMIN = "admin"


def token(
    user: Annotated[str, typer.Option(help="The customer's or operator's id (claim sub).")] = "demo-customer",
    email: Annotated[str, typer.Option(help="Claim email.")] = "demo@example.com",
    admin: Annotated[bool, typer.Option("--admin", help="An operator's token (claim is_admin).")] = False,
    hours: Annotated[int, typer.Option(min=1, max=24 * 7, help="How long it is valid.")] = TOKEN_HOURS,
    as_json: AsJson = False,
) -> None:
    """Print a token to call the API with, signed with JWT_SECRET_KEY."""
    try:
        made = mint(load(), user=user, email=email, admin=admin, hours=hours)
    except ValueError as exc:
        fail(str(exc), Exit.USAGE)
    if as_json:
        print_json({"token": made, "user": user, "is_admin": admin, "hours": hours})
    else:
        typer.echo(made)


def operator_key(
    name: Annotated[str, typer.Argument(help="Whose key it is; stands in the history of what they do.")],
    role: Annotated[Role, typer.Option(help="What they may do; service is the shop's server.")],
    as_json: AsJson = False,
) -> None:
    """Make an operator key: the key for its holder, and the entry for OPERATOR_KEYS, which holds its digest only."""
    key, entry = new_operator_key(name, role)
    if ENTRY.fullmatch(entry) is None:
        fail(f"the name {NAME}", Exit.USAGE)
    if as_json:
        print_json({"key": key, "entry": entry})
    else:
        typer.echo(f"key for {name}, shown this once: {key}\nadd to OPERATOR_KEYS: {entry}")


def console_password(
    name: Annotated[str, typer.Argument(help="Who signs in; stands in the history of what they do.")],
    role: Annotated[ConsoleRole, typer.Option(help="What they may do.")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for.")],
    as_json: AsJson = False,
) -> None:
    """Make an entry for CONSOLE_USERS, which lets a person sign in to /console with a password."""
    from ..domain.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, new_console_user, parse_console_users

    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        fail(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters", Exit.USAGE)
    entry = new_console_user(name, Role(role), password)
    try:
        parse_console_users(entry)
    except ValueError:
        fail(f"the name {NAME}", Exit.USAGE)
    print_json({"entry": entry}) if as_json else typer.echo(f"add to CONSOLE_USERS: {entry}")


def mint(settings: "Settings", *, user: str, email: str, admin: bool = False, hours: int = TOKEN_HOURS) -> str:
    from ..api import minting

    secret, lifetime = settings.jwt_secret_key.get_secret_value(), timedelta(hours=hours)
    return minting.mint(
        secret,
        user=user,
        email=email,
        is_admin=admin,
        now=datetime.now(UTC),
        lifetime=lifetime,
        audience=settings.jwt_audience,
    )
