"""All checks in the order in which a person would make them: the settings first, then what they lead to."""

from collections.abc import AsyncIterator

from ..assemble import gateways_alone, services
from ..config import Settings, SettingsError, read_settings
from ..domain.endpoint_health import EndpointHealth
from ..domain.terms import Mode
from ..gateways.registry import GatewayPluginError
from ..open_store import SET_DATA_DIR, NoStore, folder_fault, need_store, store_name
from ..ports import StoreError
from . import checklist, reaching, reading
from .findings import Finding, note, wrong


async def examine(*, production: bool) -> AsyncIterator[Finding]:
    """Every finding as it is made; with ``production`` also those that only matter with real money."""
    try:
        settings = read_settings()
    except SettingsError as exc:
        yield wrong("settings", str(exc), "correct it in backend/.env or in the environment")
        for finding in reading.env_files():
            yield finding
        return
    for finding in reading.from_settings(settings):
        yield finding
    if production:
        for finding in checklist.for_real_money(settings):
            yield finding
    elif settings.mode is Mode.PRODUCTION:
        for finding in checklist.refusals(settings):
            yield finding
    async for finding in _from_outside(settings):
        yield finding


async def _from_outside(settings: Settings) -> AsyncIterator[Finding]:
    try:
        need_store(settings)
        async with services(settings) as opened:
            async for finding in reaching.store(opened.store, opened.clock):
                yield finding
            for name, gateway in opened.gateways.items():
                yield await reaching.gateway(name, gateway)
            yield reaching.shop(opened.notifier.address, await opened.notifier.health())
    except NoStore:
        async for finding in _without_store(settings):
            yield finding
    except StoreError as exc:
        yield reaching.store_failed(exc, "check MONGO_URL or DATA_DIR, and that the server or the disk is there")
    except GatewayPluginError as exc:
        yield wrong("gateway", str(exc), "check GATEWAYS")
    if settings.mode is not Mode.MOCK and settings.uses_cashflows:
        yield await reaching.clock(settings.cashflows_gateway_url)
        yield await reaching.webhook_address(settings.base_url)


async def _without_store(settings: Settings) -> AsyncIterator[Finding]:
    """What can be told before the program has made its store, without making it."""
    if (fault := folder_fault(settings)) is not None:
        yield wrong("store", fault, SET_DATA_DIR)
    else:
        yield note("store", f"there is none yet: looked for {store_name(settings)}", "`backend run` makes it")
    try:
        async with gateways_alone(settings) as gateways:
            for name, gateway in gateways.items():
                yield await reaching.gateway(name, gateway)
    except GatewayPluginError as exc:
        yield wrong("gateway", str(exc), "check GATEWAYS")
    yield reaching.shop(settings.notification_url, EndpointHealth())
