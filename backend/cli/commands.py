"""What all commands have in common: words that are text, and an end in one line where nothing can be told or opened."""

import errno
import os
import sys
from contextlib import suppress
from typing import Any, Final

import typer
from typer.core import TyperGroup

from ..domain.texts import is_whole
from .exits import Exit, fail

OF_OUTPUT: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Commands(TyperGroup):
    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except OSError as exc:  # of help; a command's own are seen to in ``invoke``
            sys.exit(_told(exc))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Python hands on what is no text as lone surrogates, which neither a store nor a terminal takes."""
        for number, word in enumerate(args, start=1):
            if not is_whole(word):
                fail(f"word {number} of the command is no UTF-8 text", Exit.USAGE)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _give_up_output()
            raise typer.Exit(Exit.UNREAD) from None
        except OSError as exc:
            raise typer.Exit(_told(exc)) from None


def _told(exc: OSError) -> Exit:
    """Say in one line what could not be opened or written; an error of anything else is our own fault."""
    if exc.filename is not None:
        typer.echo(f"{exc.filename}: {exc.strerror}", err=True)
        return Exit.REFUSED
    if exc.errno not in OF_OUTPUT:
        raise exc
    _give_up_output()
    typer.echo(f"the output could not be written: {exc.strerror}; what was asked for may have been done", err=True)
    return Exit.UNREAD


def _give_up_output() -> None:
    """What is left of it would fail once more when Python ends."""
    with suppress(OSError, ValueError):
        output, nowhere = sys.stdout.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output)
        os.close(nowhere)
