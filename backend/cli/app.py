"""Every command, in the order in which help lists them."""

from typing import Any, Final

import typer
from typer.core import TyperGroup

from . import access, acting, backup, calling, checking, keeping, looking, serving, telling
from .exits import MEANINGS, Exit, fail

EPILOG: Final = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."


class Commands(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Python hands on what is no text as lone surrogates, which neither a store nor a terminal takes."""
        for number, word in enumerate(args, start=1):
            if not word.isascii() and any("\ud800" <= char <= "\udfff" for char in word):
                fail(f"word {number} of the command is no UTF-8 text", Exit.USAGE)
        return super().parse_args(ctx, args)


app: Final = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="RaffleStack payments: run it, look at orders, and act on them.",
    epilog=EPILOG,
)

RUN: Final = "Run"
LOOK: Final = "Look"
ACT: Final = "Act"
KEEP: Final = "Keep"

for name, command, panel in (
    ("run", serving.run, RUN),
    ("worker", serving.worker, RUN),
    ("simulate", serving.simulate, RUN),
    ("doctor", checking.doctor, RUN),
    ("token", access.token, RUN),
    ("operator-key", access.operator_key, RUN),
    ("console-password", access.console_password, RUN),
    ("orders", looking.orders, LOOK),
    ("show", looking.show, LOOK),
    ("explain", looking.explain, LOOK),
    ("deliveries", looking.deliveries, LOOK),
    ("notifications", looking.notifications, LOOK),
    ("refund", acting.refund, ACT),
    ("capture", acting.capture, ACT),
    ("void", acting.void, ACT),
    ("reconcile", acting.reconcile, ACT),
    ("replay", acting.replay, ACT),
    ("redeliver", telling.redeliver, ACT),
    ("endpoint", telling.endpoint, ACT),
    ("gateway", calling.gateway, ACT),
    ("verify", backup.verify, KEEP),
    ("support-bundle", keeping.support_bundle, KEEP),
    ("erase", keeping.erase, KEEP),
    ("export", backup.export_all, KEEP),
    ("import", backup.import_all, KEEP),
):
    app.command(name, rich_help_panel=panel)(command)
