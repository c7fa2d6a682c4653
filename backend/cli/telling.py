"""What the shop is told: send a notification again, and see, try, pause and resume its endpoint."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import texts
from .exits import Exit, fail
from .output import AsJson, print_json, print_lines, words
from .session import By, OrderArgument, find_order, whoever, with_services

if TYPE_CHECKING:
    from ..assemble import Services


class EndpointAction(StrEnum):
    SHOW = "show"
    TEST = "test"
    PAUSE = "pause"
    RESUME = "resume"


def redeliver(
    order: OrderArgument,
    sequence: Annotated[int, typer.Argument(min=1, help="Which, from `backend notifications ORDER`.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Have a notification sent to the shop again, the same bytes; the background work sends it."""

    async def work(services: "Services") -> dict[str, Any]:
        found = await find_order(services, order)
        changed = await services.notifier.redeliver(found, sequence, by=whoever(by))
        return {"order": changed.reference, "sequence": sequence}

    told = with_services(work)
    print_json(told) if as_json else print_lines([f"notification {sequence} of order {order} will be sent again"])


def endpoint(
    action: Annotated[EndpointAction, typer.Argument(help="What to do with it.")] = EndpointAction.SHOW,
    reason: Annotated[str, typer.Option(callback=texts.maybe_reason, help="Why it is paused.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """The shop's endpoint for notifications: show how it does, send a test event, pause it, resume it."""

    if action is EndpointAction.PAUSE and not reason:
        fail("say why it is paused, with --reason", Exit.USAGE)

    async def work(services: "Services") -> dict[str, Any]:
        return await _act(services, action, by=whoever(by), why=reason)

    told = with_services(work)
    print_json(told) if as_json else print_lines([f"{name}: {words(value) or '-'}" for name, value in told.items()])
    if told.get("taken") is False:
        raise typer.Exit(Exit.FOUND)


async def _act(services: "Services", action: EndpointAction, *, by: str, why: str) -> dict[str, Any]:
    from ..ports import Taken

    notifier = services.notifier
    if action is EndpointAction.TEST:
        answer = await notifier.send_test()
        return {"address": notifier.address, "taken": isinstance(answer, Taken), "answer": answer.words}
    if action is EndpointAction.PAUSE:
        await notifier.pause(by=by, why=why)
    if action is EndpointAction.RESUME:
        await notifier.resume()
    health = await notifier.health()
    state = "paused" if health.is_paused else "failing" if health.is_failing else "in use"
    if notifier.address is None:
        state = "off: NOTIFICATION_URL is not set"
    return {
        "address": notifier.address,
        "state": state,
        "since": health.paused_at or health.failing_since,
        "by": health.paused_by,
        "why": health.why,
    }
