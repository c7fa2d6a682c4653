"""Gateways are found by entry point: a package that declares one in the group ``backend.gateways`` is installed, named
in the setting GATEWAYS, and there. The entry point is a factory from a ``GatewayContext`` to a ``PaymentGateway``.

Anything wrong with a named gateway stops the start: taking orders that cannot be paid would be worse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeAlias

from ..domain.terms import Mode
from ..ports import PaymentGateway
from .http import GatewayHttp

GROUP: Final = "backend.gateways"


class GatewayPluginError(Exception):
    """One line that says which gateway cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class GatewayContext:
    """What a gateway is made from.

    ``settings`` holds every setting of the environment and the ``.env`` files under its upper-case name, secrets in the
    clear. In mock mode ``http`` may lead to a simulator, and no call may move money.
    """

    mode: Mode
    settings: Mapping[str, str] = field(repr=False)
    http: GatewayHttp

    def require(self, name: str) -> str:
        """The setting's value.

        Raises:
            GatewayPluginError: it is missing or empty.
        """
        value = self.settings.get(name)
        if not value:
            raise GatewayPluginError(f"set {name}")
        return value


Factory: TypeAlias = Callable[[GatewayContext], PaymentGateway]


def find_factories(names: Sequence[str]) -> Mapping[str, Factory]:
    """The factories of the named gateways, in that order.

    Raises:
        GatewayPluginError: one is not installed, is installed twice, or cannot be imported.
    """
    installed = entry_points(group=GROUP)
    return {name: _load(name, [point for point in installed if point.name == name]) for name in names}


def build(name: str, factory: Factory, context: GatewayContext) -> PaymentGateway:
    """Make one gateway, and check that it is one.

    Raises:
        GatewayPluginError: the factory failed, or what it made lacks part of the port.
    """
    try:
        gateway = factory(context)
    except Exception as exc:
        raise GatewayPluginError(f"gateway {name} cannot be made: {type(exc).__name__}: {exc}") from exc
    lacking = [member for member in _members() if not hasattr(gateway, member)]
    if lacking:
        raise GatewayPluginError(f"gateway {name} lacks {', '.join(lacking)}")
    if gateway.name != name:
        raise GatewayPluginError(f"gateway {name} calls itself {gateway.name}")
    return gateway


def _load(name: str, points: Sequence[EntryPoint]) -> Factory:
    if not points:
        raise GatewayPluginError(f"gateway {name} is not installed: no entry point of this name in group {GROUP}")
    if len({point.value for point in points}) > 1:
        raise GatewayPluginError(f"gateway {name} is installed twice: {', '.join(point.value for point in points)}")
    try:
        factory: Factory = points[0].load()
    except Exception as exc:
        raise GatewayPluginError(f"gateway {name} cannot be loaded: {type(exc).__name__}: {exc}") from exc
    return factory


def _members() -> Sequence[str]:
    return [*PaymentGateway.__annotations__, *(name for name in vars(PaymentGateway) if not name.startswith("_"))]
