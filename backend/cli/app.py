"""Every command, in the order in which help lists them."""

from typing import Final

import typer

from . import access, acting, backup, calling, checking, keeping, looking, serving, telling
from .commands import Commands
from .exits import MEANINGS

EPILOG: Final = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."

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
