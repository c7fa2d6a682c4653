"""The gateways: whether they are called, and have one called again that refused our credentials."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import Exit, fail
from .output import AsJson, print_json, print_lines
from .session import By, whoever, with_services

if TYPE_CHECKING:
    from ..assemble import Services


class GatewayAction(StrEnum):
    SHOW = "show"
    RESUME = "resume"


def gateway(
    action: Annotated[GatewayAction, typer.Argument(help="What to do.")] = GatewayAction.SHOW,
    name: Annotated[str, typer.Argument(help="Which to resume, by its name in GATEWAYS.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """The gateways: show why one is not called, or have every process call it again, for one more try.

    Ends with 4 if one is not called.
    """

    async def work(services: "Services") -> dict[str, str]:
        if action is GatewayAction.RESUME:
            if name not in services.gateways:
                fail(f"name one of {', '.join(services.gateways)}", Exit.USAGE)
            await services.guard.resume(name, whoever(by))
        return {each: gateway.refusal() or "in use" for each, gateway in services.gateways.items()}

    told = with_services(work)
    print_json(told) if as_json else print_lines([f"{each}: {state}" for each, state in told.items()])
    if set(told.values()) != {"in use"}:
        raise typer.Exit(Exit.FOUND)
