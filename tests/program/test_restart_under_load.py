"""Restarted while customers pay: nothing acknowledged is lost, nothing is made twice, and rolling, no request fails."""

import itertools
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.deploy.example import prepared

from .host import JWT_SECRET, Gateway, Host, credentials
from .process import Process, Site, until
from .shop import Shop, customer_token, paid_exactly_once, pay

CUSTOMERS: Final = 3
STOP_SECONDS: Final = 40.0
NO_LIMITS: Final = {"RATE_LIMIT_USER": "0", "RATE_LIMIT_ADDRESS": "0"}
FEWEST_BETWEEN: Final = 5
"""Orders that must be made between two steps, so that each step happens under load."""


@dataclass(frozen=True)
class Way:
    """``keeps`` its connection for the next request, as browsers and nginx do, even over a pause."""

    address: str
    keeps: bool
    pause_seconds: float = 0.0

    def transport(self) -> httpx.BaseTransport:
        if self.keeps and self.address.startswith("http://"):
            return Trusting(self.address)
        limits = httpx.Limits(max_keepalive_connections=1 if self.keeps else 0)
        return httpx.HTTPTransport(verify=False, limits=limits)


class Trusting(httpx.BaseTransport):
    """Sends on the connection that it has until an answer says that this was the last.

    httpx looks whether it is still open before it sends, which may be a moment too early; this one never looks.
    """

    def __init__(self, address: str) -> None:
        self._host = address.removeprefix("http://")
        self._kept: HTTPConnection | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        connection = self._kept or HTTPConnection(self._host, timeout=30)
        self._kept = None
        try:
            connection.request(request.method, request.url.path, request.read(), dict(request.headers))
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException) as exc:
            connection.close()
            raise httpx.RemoteProtocolError(repr(exc)) from exc
        if answer.will_close:
            connection.close()
        else:
            self._kept = connection
        return httpx.Response(answer.status, headers=answer.getheaders(), content=body)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()


@dataclass
class Load:
    """Customers who each start one order after another, at addresses and in ways of their own.

    Where a request fails, the customer sends it again, as a shop's frontend does, until it is answered.
    """

    site: Site
    ways: Sequence["Way"] = ()
    made: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._numbers = itertools.count(1)
        self._token = customer_token()

    @contextmanager
    def running(self) -> Iterator[None]:
        ways = self.ways or [Way(f"http://127.0.0.1:{self.site.port}", keeps=False)] * CUSTOMERS
        threads = [threading.Thread(target=self._shop, args=[way]) for way in ways]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def goes_on(self) -> None:
        """Return once some more orders were made."""
        enough = len(self.made) + FEWEST_BETWEEN
        until("orders are made", lambda: len(self.made) >= enough)

    def _shop(self, way: "Way") -> None:
        with httpx.Client(base_url=way.address, timeout=30, transport=way.transport()) as client:
            shop = Shop(Site(self.site.port, client), self._token)
            while not self._stop.wait(way.pause_seconds):
                reference = f"LOAD-{next(self._numbers)}"
                until(f"{reference} is made", lambda reference=reference: self._made(shop, reference))  # type: ignore[misc]

    def _made(self, shop: Shop, reference: str) -> bool:
        try:
            answer = shop.create(reference)
        except httpx.TransportError as exc:
            self.failed.append(f"{reference}: {exc!r}")
            return False
        if answer.status_code != 200:
            self.failed.append(f"{reference}: {answer.status_code} {answer.text[:200]}")
            return False
        self.made.append(reference)
        return True


class Supervisor:
    """supervisord with one of the project's own configurations, of which only ``/var`` and the port are elsewhere."""

    def __init__(self, host: Host, configuration: str, var: Path) -> None:
        self._host, self._var = host, var
        self.site = host.site()
        folder = host.project / "deploy" if "rolling" in configuration else host.project
        folder.mkdir(exist_ok=True)
        self._file = folder / f"{var.name}.conf"
        text = (Path(__file__).parents[2] / configuration).read_text()
        for was, shall_be in (
            ("/var/log/supervisor", str(var)),
            ("/var/run", str(var)),
            ("127.0.0.1:8001", f"127.0.0.1:{self.site.port}"),
            ("startsecs=5", "startsecs=4"),
        ):
            text = text.replace(was, shall_be)
        self._file.write_text(text)

    def start(self, gateway: Gateway) -> Process:
        settings = credentials(gateway.port, JWT_SECRET_KEY=JWT_SECRET, PORT=str(self.site.port), **NO_LIMITS)
        words = ("--nodaemon", "-c", str(self._file))
        process = self._host.run("supervisord", *words, settings=settings, end_seconds=STOP_SECONDS)
        until("it serves", lambda: self.site.answers("/readyz"), seconds=STOP_SECONDS)
        return process

    def restart(self, name: str) -> None:
        control = self._host.run("supervisorctl", "-c", str(self._file), "restart", name)
        control.wait(2 * STOP_SECONDS)
        assert f"{name.rpartition(':')[2]}: started" in control.output, control.output

    def logs(self) -> str:
        return "".join(file.read_text()[-3000:] for file in sorted(self._var.glob("*.err.log")))


@contextmanager
def supervised(host: Host, configuration: str) -> Iterator[Supervisor]:
    with tempfile.TemporaryDirectory() as var:  # short: the path of a socket may have 107 characters
        supervisor = Supervisor(host, configuration, Path(var))
        try:
            yield supervisor
        finally:
            sys.stdout.write(supervisor.logs())


def nothing_is_lost_or_doubled(load: Load, gateway: Gateway) -> None:
    """Each acknowledged order has one job at the gateway, and one of them is paid once."""
    shop = Shop(load.site)
    at_gateway: dict[str, int] = {}
    for reference in load.made:
        at_gateway[reference] = len(gateway.jobs(reference))
        assert shop.order(reference)["status"] == "pending"
    assert len(set(load.made)) == len(load.made)
    assert {reference: count for reference, count in at_gateway.items() if count != 1} == {}
    chosen = load.made[-1]
    pay(load.site.client, shop.created(chosen)["action_url"])
    assert paid_exactly_once(shop.order_once("paid", chosen))


@pytest.mark.timeout(240)
def test_a_restart_under_load_loses_nothing_and_makes_nothing_twice(host: Host) -> None:
    gateway = host.gateway()
    with supervised(host, "supervisord.conf") as supervisor:
        supervisor.start(gateway)
        load = Load(supervisor.site)
        with load.running():
            load.goes_on()
            supervisor.restart("backend")
            load.goes_on()
        nothing_is_lost_or_doubled(load, gateway)


@contextmanager
def behind_nginx(folder: Path, upstream: int) -> Iterator[str]:
    """The example's nginx in front, as a customer's browser sees it."""
    command, port = prepared(folder, upstream)
    process = Process("nginx", command, {}, folder, folder)
    try:
        transport = httpx.HTTPTransport(verify=False)
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", transport=transport) as client:
            until("nginx passes on", lambda: Site(port, client).answers("/readyz"))
        yield f"https://127.0.0.1:{port}"
    finally:
        process.end()


@pytest.mark.timeout(240)
def test_two_instances_restarted_one_after_the_other_fail_no_request(host: Host, tmp_path: Path) -> None:
    gateway = host.gateway()
    with supervised(host, "deploy/supervisord-rolling.conf") as supervisor:
        supervisor.start(gateway)
        direct = f"http://127.0.0.1:{supervisor.site.port}"
        with behind_nginx(tmp_path, supervisor.site.port) as front:
            kept = [Way(direct, keeps=True, pause_seconds=pause) for pause in (0, 0.3, 3.7)]
            through = [Way(front, keeps=True), Way(front, keeps=True, pause_seconds=2.9)]
            load = Load(supervisor.site, [Way(direct, keeps=False), *kept, *through])
            with load.running():
                for instance in ("backend:backend_00", "backend:backend_01"):
                    load.goes_on()
                    supervisor.restart(instance)
                load.goes_on()
        assert load.failed == []
        nothing_is_lost_or_doubled(load, gateway)
