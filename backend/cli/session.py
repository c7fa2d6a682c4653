"""What commands work on: the settings, the store, the services; and their failures as exit codes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, TypeVar

import typer

from . import texts
from .exits import Exit, fail

if TYPE_CHECKING:
    from ..assemble import Services
    from ..config import Settings
    from ..domain.model import Order
    from ..ports import OrderStore

T = TypeVar("T")

OrderArgument: TypeAlias = Annotated[str, typer.Argument(metavar="ORDER", help="The order's reference.")]
By: TypeAlias = Annotated[
    str,
    typer.Option(
        callback=texts.maybe, help="Who you are, for the order's history; your user name on this machine by default."
    ),
]
Reason: TypeAlias = Annotated[
    str, typer.Option(callback=texts.reason, help="Why; stands in the order's history for ever.")
]


RESTORING: Final = "docs/stores.md (Backup) tells how to bring such an order back; every other one can be worked with"


def load() -> "Settings":
    from ..config import SettingsError, load_settings

    try:
        return load_settings()
    except SettingsError as exc:
        fail(f"cannot start: {exc}", Exit.USAGE)


def with_store(work: "Callable[[OrderStore], Awaitable[T]]", *, may_make_it: bool = False) -> T:
    """Do something with the open store alone."""
    from ..open_store import make_store

    settings = load()
    if not may_make_it:
        _need_store(settings)

    async def run() -> T:
        store = make_store(settings)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return _finish(run)


def with_services(work: "Callable[[Services], Awaitable[T]]", *, may_make_store: bool = False) -> T:
    """Do something through the services that the API uses too, beside a running server or without one."""
    from ..assemble import services
    from ..gateways.registry import GatewayPluginError

    settings = load()
    if not may_make_store:
        _need_store(settings)

    async def run() -> T:
        try:
            async with services(settings) as opened:
                return await work(opened)
        except GatewayPluginError as exc:
            fail(f"cannot start: {exc}", Exit.USAGE)

    return _finish(run)


def stored_order(reference: str) -> "Order":
    """The order as the store has it now."""
    from ..domain.model import order_id
    from ..domain.references import parse_order_reference

    mode = load().mode

    async def work(store: "OrderStore") -> "Order":
        found = await store.get(order_id(mode, parse_order_reference(reference)))
        return found or fail(_no_order(reference, mode))

    return with_store(work)


async def find_order(services: "Services", reference: str) -> "Order":
    from ..domain.references import parse_order_reference

    order = await services.orders.find(parse_order_reference(reference))
    if order is None:
        fail(_no_order(reference, services.mode))
    return order


def whoever(by: str) -> str:
    """The given name, or that of whoever is logged in here."""
    import getpass

    name = by or getpass.getuser()
    if (why := texts.fault(name, shortest=1)) is not None:
        fail(f"say who you are with --by: the user name on this machine {why}", Exit.USAGE)
    return name


def _need_store(settings: "Settings") -> None:
    from ..open_store import NoStore, need_store

    try:
        need_store(settings)
    except NoStore as exc:
        fail(str(exc), Exit.USAGE)


def _no_order(reference: str, mode: str) -> str:
    return f"there is no order {reference} in {mode} mode"


def _finish(run: Callable[[], Awaitable[T]]) -> T:
    from ..domain.errors import DomainError
    from ..ports import DocumentTooNew, DocumentUnreadable, StoreError

    async def main() -> T:
        return await run()

    try:
        return asyncio.run(main())
    except DomainError as exc:
        fail(f"not done: {exc}")
    except DocumentUnreadable as exc:
        fail(f"{exc}; {RESTORING}", Exit.FOUND)
    except DocumentTooNew as exc:
        fail(str(exc), Exit.FOUND)
    except StoreError as exc:
        fail(f"the store did not do it: {exc}; the same command may be given again", Exit.AWAY)
