"""Gateways are found by entry point in packages that a test writes; anything wrong is one clear line."""

import sys
from pathlib import Path

import httpx
import pytest

from backend.domain.terms import Mode
from backend.gateways.http import GatewayHttp
from backend.gateways.registry import GatewayContext, GatewayPluginError, build, find_factories

CONTEXT = GatewayContext(
    mode=Mode.MOCK,
    settings={
        "CASHFLOWS_MERCHANT_ID": "1",
        "CASHFLOWS_API_KEY": "key",
        "CASHFLOWS_API_SECRET": "topsecret",
        "CASHFLOWS_SCHEME": "hmac-sha256",
        "CASHFLOWS_GATEWAY_URL": "http://gateway.example",
    },
    http=GatewayHttp(httpx.MockTransport(lambda _: httpx.Response(500)), deadline_seconds=1),
)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, for packages of somebody else's."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "acme_gateway", raising=False)  # the one that another test installed
    return tmp_path


def package(folder: Path, name: str, source: str, entry: str = "make", distribution: str = "") -> None:
    (folder / f"{name}_gateway.py").write_text(source)
    info = folder / f"{distribution or name}_gateway-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution or name}-gateway\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[backend.gateways]\n{name} = {name}_gateway:{entry}\n")


def made(name: str) -> object:
    return build(name, find_factories([name])[name], CONTEXT)


def test_cashflows_is_found_and_made() -> None:
    assert getattr(made("cashflows"), "name", None) == "cashflows"


def test_a_package_of_somebody_elses_is_found(install: Path) -> None:
    source = (
        "from backend.gateways.cashflows.plugin import make as cashflows\n"
        "def make(context):\n    gateway = cashflows(context)\n    gateway.name = 'acme'\n    return gateway\n"
    )
    package(install, "acme", source)
    assert getattr(made("acme"), "name", None) == "acme"


BROKEN = {
    "not installed": (None, "acme is not installed"),
    "does not import": ("import nothing_of_this_name", "acme cannot be loaded: ModuleNotFoundError"),
    "has no factory": ("other = 1", "acme cannot be loaded: AttributeError"),
    "fails": ("def make(context): raise RuntimeError('no key')", "acme cannot be made: RuntimeError: no key"),
    "lacks a setting": ("def make(context): context.require('ACME_KEY')", "acme cannot be made: .*set ACME_KEY"),
    "is no gateway": ("def make(context): return object()", "acme lacks name, .*create_payment_job.*scrub"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_gateway_is_one_clear_line(install: Path, how: str) -> None:
    source, line = BROKEN[how]
    if source is not None:
        package(install, "acme", source)
    with pytest.raises(GatewayPluginError, match=line) as refused:
        made("acme")
    assert "\n" not in str(refused.value)
    assert "topsecret" not in str(refused.value) + repr(CONTEXT)


def test_a_gateway_that_calls_itself_something_else_is_refused(install: Path) -> None:
    package(install, "acme", "from backend.gateways.cashflows.plugin import make")
    with pytest.raises(GatewayPluginError, match="acme calls itself cashflows"):
        made("acme")


def test_two_packages_with_one_name_are_refused(install: Path) -> None:
    package(install, "acme", "make = other = None")
    package(install, "acme", "make = other = None", entry="other", distribution="acme_too")
    with pytest.raises(GatewayPluginError, match="installed twice"):
        find_factories(["acme"])
