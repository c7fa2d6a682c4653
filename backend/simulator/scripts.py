"""Scripts: which faults act on which order, and how often they still will.

A script is a fault's name, with where, how often and for how long after dots: ``lost-reply``, ``lost-reply.refund``,
``error-500-before.create.x3``, ``delay.s5``. It is given in an order number (``FAULT.lost-reply.A-1001``), in the
header ``X-Simulator-Fault``, or by the control API. A script for an order holds for its later attempts as well,
whose order numbers end in ``~2``, ``~3`` and so on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .database import Database
from .faults import BY_NAME, Call, Fault
from .ledger import order_key
from .refusals import bad_request

PREFIX: Final = "FAULT."
EVERY_ORDER: Final = "*"
TIMES: Final = re.compile(r"x([0-9]{1,4})")
SECONDS: Final = re.compile(r"s([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Script:
    fault: Fault
    call: Call | None = None
    times: int | None = None
    seconds: int | None = None

    def acts_on(self, call: Call) -> bool:
        return call is self.call if self.call else call in self.fault.calls

    @property
    def remaining(self) -> int | None:
        """How often it acts in all; None: every time."""
        return self.fault.times if self.times is None else self.times

    def __str__(self) -> str:
        parts = [self.fault.name, self.call]
        parts += [f"x{self.times}" if self.times is not None else None]
        parts += [f"s{self.seconds}" if self.seconds is not None else None]
        return ".".join(part for part in parts if part)


def parse_script(text: str) -> Script:
    """Read one script.

    Raises:
        Refusal: it names no fault, or has a part that means nothing.
    """
    script, rest = _leading_script(text.strip())
    if script is None or rest:
        raise bad_request("InvalidFault", f"no fault script: {text[:60]!r}; GET /faults lists them")
    return script


def parse_scripts(text: str) -> Sequence[Script]:
    """Several scripts with commas between them."""
    return [parse_script(part) for part in text.split(",") if part.strip()]


def script_in_order_number(order_number: str) -> Script | None:
    """The script that an order number opens with, if any."""
    if not order_number.startswith(PREFIX):
        return None
    script, _ = _leading_script(order_key(order_number).removeprefix(PREFIX))
    return script


class Scripts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def arm(self, order: str, text: str) -> None:
        """Let a script act on an order from now on, afresh if it was armed before."""
        self.arm_script(order, parse_script(text))

    def arm_script(self, order: str, script: Script) -> None:
        self._database.execute(
            "INSERT INTO scripts (order_key, script, remaining) VALUES (?, ?, ?)"
            " ON CONFLICT (order_key, script) DO UPDATE SET remaining = excluded.remaining",
            *(order, str(script), script.remaining),
        )

    def arm_from_order_number(self, order_number: str) -> None:
        """Arm what the order number asks for, once for all attempts at the order."""
        script = script_in_order_number(order_number)
        if script is not None:
            self._database.execute(
                "INSERT INTO scripts (order_key, script, remaining) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                *(order_key(order_number), str(script), script.remaining),
            )

    def disarm(self, order: str) -> None:
        self._database.execute("DELETE FROM scripts WHERE order_key = ?", order)

    def armed(self) -> Sequence[tuple[str, str, int | None]]:
        """Order, script and how often it will still act."""
        rows = self._database.all("SELECT order_key, script, remaining FROM scripts ORDER BY id")
        return [(row["order_key"], row["script"], row["remaining"]) for row in rows]

    def take(self, call: Call, order_number: str) -> Sequence[Script]:
        """The scripts that act on this call; each has acted once more after it."""
        keys = (order_number, order_key(order_number), EVERY_ORDER)
        rows = self._database.all(
            "SELECT id, script FROM scripts WHERE order_key IN (?, ?, ?) AND remaining IS NOT 0 ORDER BY id", *keys
        )
        acting = [(row["id"], script) for row in rows if (script := parse_script(row["script"])).acts_on(call)]
        for number, _ in acting:
            self._database.execute("UPDATE scripts SET remaining = remaining - 1 WHERE id = ?", number)
        return [script for _, script in acting]


def _leading_script(text: str) -> tuple[Script | None, Sequence[str]]:
    """The script that ``text`` opens with, and the parts that follow it."""
    parts = text.split(".")
    fault = BY_NAME.get(parts[0])
    if fault is None:
        return None, parts
    script, taken = Script(fault), 1
    for part in parts[1:]:
        changed = _with_part(script, part)
        if changed is None:
            break
        script, taken = changed, taken + 1
    return script, parts[taken:]


def _with_part(script: Script, part: str) -> Script | None:
    if script.call is None and part in script.fault.may_act_on:
        return Script(script.fault, Call(part), script.times, script.seconds)
    if script.times is None and (match := TIMES.fullmatch(part)):
        return Script(script.fault, script.call, int(match[1]), script.seconds)
    if script.seconds is None and (match := SECONDS.fullmatch(part)):
        return Script(script.fault, script.call, script.times, int(match[1]))
    return None
