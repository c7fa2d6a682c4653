"""How a command ends. The codes are documented in ``docs/command-line.md`` and in ``backend --help``."""

from enum import IntEnum
from typing import NoReturn

import typer


class Exit(IntEnum):
    DONE = 0
    REFUSED = 1
    USAGE = 2
    AWAY = 3
    FOUND = 4
    UNREAD = 141  # as of a program that the system ended for it (128 and SIGPIPE)


MEANINGS = {
    Exit.DONE: "done",
    Exit.REFUSED: "not done, and nothing was changed: the message says why",
    Exit.USAGE: "the command or a setting is wrong: the message says what to change",
    Exit.AWAY: "no answer from the store or the gateway, or the outcome is not known yet: the same again is safe",
    Exit.FOUND: "it was looked at, and something is wrong: see what was printed",
    Exit.UNREAD: "what it had to say could not be written (a closed pipe, a full disk): it may be done or not",
}


def fail(why: str, code: Exit = Exit.REFUSED) -> NoReturn:
    """End with one line on standard error."""
    typer.echo(why, err=True)
    raise typer.Exit(code)
