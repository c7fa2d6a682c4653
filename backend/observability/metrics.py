"""What Prometheus scrapes: counts of this process, and gauges read from the store, the same from every process.

Names and labels are few and fixed; no label is ever a reference, so their number is bounded. Counting is two look-ups
in memory; the client library, which puts it into Prometheus' form, is loaded at the first scrape.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from ..domain.statuses import OrderStatus
from ..domain.terms import Mode
from ..ports import OrderStore, PaymentGateway, StoreError

if TYPE_CHECKING:
    from prometheus_client import Metric

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds; what takes longer falls in the last bucket."""
FRESH_SECONDS: Final = 5.0
"""Scrapes closer together than this share one look at the store."""


class Timings:
    """A histogram: for each set of label values, how many took how long, and their sum."""

    def __init__(self, name: str, told: str, labels: Sequence[str]) -> None:
        self.name, self.told, self.labels = name, told, labels
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def add(self, seconds: float, *values: str) -> None:
        counts = self._counts.get(values)
        if counts is None:
            counts = self._counts[values] = [0] * (len(BOUNDS) + 1)
        counts[bisect_left(BOUNDS, seconds)] += 1
        self._sums[values] = self._sums.get(values, 0.0) + seconds

    def family(self) -> "Metric":
        from prometheus_client.metrics_core import HistogramMetricFamily

        family = HistogramMetricFamily(self.name, self.told, labels=self.labels)
        for values, counts in self._counts.items():
            up_to = [sum(counts[: number + 1]) for number in range(len(counts))]
            buckets = list(zip([*map(str, BOUNDS), "+Inf"], up_to, strict=True))
            family.add_metric(values, buckets, self._sums[values])
        return family


class Metrics:
    def __init__(self) -> None:
        self._requests = Timings(
            "backend_request_seconds", "Requests, by route and status.", ["method", "route", "status"]
        )
        self._calls = Timings(
            "backend_gateway_call_seconds",
            "Calls to gateways: answered with a class of status, not_sent, no_answer, cancelled.",
            ["gateway", "method", "outcome"],
        )
        self._gauges: Mapping[str, Mapping[str, float]] = {}
        self._suspended: Mapping[str, float] = {}
        self._unknown_statuses: Mapping[str, int] = {}
        self._failed = 0
        self._read_at = float("-inf")

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.add(seconds, method, route, str(status))

    def gateway_call(self, gateway: str, method: str, outcome: str, seconds: float) -> None:
        self._calls.add(seconds, gateway, method, outcome)

    async def scrape(
        self,
        store: OrderStore,
        mode: Mode,
        gateways: Mapping[str, PaymentGateway],
        unknown_statuses: Mapping[str, int],
        now: datetime,
    ) -> bytes:
        """The text that Prometheus reads; while the store is away, what it would tell is left out rather than stale.

        ``unknown_statuses`` are those read so far, by gateway.
        """
        from prometheus_client import CollectorRegistry, generate_latest

        self._suspended = {name: float(gateway.refusal() is not None) for name, gateway in gateways.items()}
        self._unknown_statuses = unknown_statuses
        if monotonic() - self._read_at >= FRESH_SECONDS:
            await self._read(store, mode, now)
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterable["Metric"]:
        """Every family, as the client library wants it of a collector."""
        from prometheus_client.metrics_core import CounterMetricFamily

        yield self._requests.family()
        yield self._calls.family()
        yield from self._gauge_families()
        told = "Statuses read from a gateway that no adapter knows."
        family = CounterMetricFamily("backend_unknown_statuses", told, labels=["gateway"])
        for gateway, number in self._unknown_statuses.items():
            family.add_metric([gateway], number)
        yield family
        told = "Scrapes at which the store did not answer."
        yield CounterMetricFamily("backend_scrape_failures", told, value=self._failed)

    def _gauge_families(self) -> Iterator["Metric"]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        values = {**self._gauges, "backend_gateway_suspended": self._suspended}
        for name, told, label in GAUGES:
            family = GaugeMetricFamily(name, told, labels=[label])
            for value, number in values.get(name, {}).items():
                family.add_metric([value], number)
            yield family

    async def _read(self, store: OrderStore, mode: Mode, now: datetime) -> None:
        try:
            orders, at_risk = await store.count_orders(mode), await store.money_at_risk(mode)
            lag = await store.lag(mode)
        except StoreError:
            self._gauges = {}
            self._failed += 1
            return
        self._read_at = monotonic()
        since = {"look": lag.look_at, "notice": lag.notice_at, "delivery": lag.delivery_at}
        self._gauges = {
            "backend_orders": {status: orders.get(status, 0) for status in OrderStatus},
            "backend_money_at_risk_minor": {currency: float(minor) for currency, minor in at_risk.items()},
            "backend_lag_seconds": {
                work: max((now - at).total_seconds(), 0) if at is not None else 0 for work, at in since.items()
            },
        }


GAUGES: Final = (
    ("backend_orders", "Orders by status.", "status"),
    ("backend_money_at_risk_minor", "Minor units at risk, by currency.", "currency"),
    ("backend_lag_seconds", "For how long the oldest work has been due, by kind.", "work"),
    ("backend_gateway_suspended", "1 while no call to a gateway is made.", "gateway"),
)
