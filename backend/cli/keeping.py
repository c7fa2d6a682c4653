"""Take a customer's personal data out of what is kept, and hand one order out without it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .exits import Exit, fail
from .output import AsJson, plain, print_json, print_lines, writing
from .session import By, OrderArgument, Reason, find_order, load, whoever, with_services

if TYPE_CHECKING:
    from ..assemble import Services
    from ..domain.deliveries import Delivery
    from ..domain.model import Order
    from ..service.erase import Erasure

MOST_DELIVERIES = 1000


def erase(
    email: Annotated[str, typer.Argument(help="The customer's address.")],
    reason: Reason,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Erase a customer's personal data from every order of theirs; amounts, references and times stay.

    Ends with 4 if an order was left as it is because the customer may still pay it.
    """

    async def work(services: "Services") -> "Erasure":
        return await services.erase.customer(email, by=whoever(by), reason=reason)

    done = with_services(work)
    if as_json:
        print_json(done)
    else:
        print_lines([f"erased: {', '.join(done.erased) or 'none'}"])
        if done.still_open:
            print_lines([f"still open, do it again once they are paid or over: {', '.join(done.still_open)}"])
    if done.still_open:
        raise typer.Exit(Exit.FOUND)


def support_bundle(
    order: OrderArgument,
    file: Annotated[Path | None, typer.Option(help="Where to write; ORDER-support.zip by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write one order to a file for support: history, explanation, webhooks and findings, without personal data."""
    from ..observability.logs import scrubber

    target = file or Path(f"{order.replace('/', '_')}-support.zip")
    if target.exists():
        fail(f"{target} exists already; nothing was written")
    hide = scrubber(load())
    parts = with_services(lambda services: _gather(services, order))
    _write(target, {name: hide(text) for name, text in parts.items()})
    print_json({"file": str(target), "parts": sorted(parts)}) if as_json else print_lines([f"wrote {target}"])


async def _gather(services: "Services", reference: str) -> dict[str, str]:
    import json
    import platform
    from importlib.metadata import version

    from ..doctor import examine
    from ..domain.erasing import erased
    from ..domain.explain import explain
    from ..domain.ledger import defects

    known = await find_order(services, reference)
    order, _ = erased(known, by="", reason="")
    told = explain(order, services.clock.now(), services.operations.offers(order))
    about = {
        "program": version("rafflestack-payments"),
        "python": platform.python_version(),
        "mode": services.mode,
        "at": services.clock.now(),
        "defects": defects(known),
    }
    findings = [finding async for finding in examine(production=False)]
    deliveries = await _deliveries(services, known)
    return {
        "about.json": json.dumps(plain(about), indent=2),
        "order.json": json.dumps(_without_pages(order), indent=2),
        "explanation.txt": "\n".join(told.sentences) + "\n",
        "deliveries.json": json.dumps(plain(deliveries), indent=2),
        "doctor.json": json.dumps(plain(findings), indent=2),
    }


def _without_pages(order: "Order") -> Any:
    """Whoever holds the address of a payment page can open it."""
    told = plain(order)
    for part in (*told["jobs"], *(entry["event"] for entry in told["history"])):
        if part.get("action_url"):
            part["action_url"] = "[hidden]"
    return told


async def _deliveries(services: "Services", order: "Order") -> list[dict[str, Any]]:
    """Webhooks that name the order, a job or a payment of it, among the newest."""
    from ..domain.searching import DeliveryQuery

    found = await services.store.search_deliveries(DeliveryQuery(services.mode), MOST_DELIVERIES)
    names = [order.reference, *(job.job_reference for job in order.jobs), *(each.reference for each in order.payments)]
    wanted = [name.encode() for name in names if name]
    return [_told(services, each) for each in found if any(name in each.body for name in wanted)]


def _told(services: "Services", delivery: "Delivery") -> dict[str, Any]:
    gateway = services.gateways.get(delivery.gateway)
    body = delivery.body.decode("utf-8", "replace")
    return {**plain(delivery), "body": gateway.scrub(body) if gateway is not None else "[hidden]"}


def _write(target: Path, parts: dict[str, str]) -> None:
    from zipfile import ZIP_DEFLATED, ZipFile

    with writing(target), ZipFile(target, "x", ZIP_DEFLATED) as bundle:
        for name, text in parts.items():
            bundle.writestr(name, text)
