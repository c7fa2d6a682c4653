"""The goals, each with how it is measured. A goal's number in ``ratios`` is the worst over all loads."""

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from .contest import Contestant, Round, Stretch, at_once, at_rate, warm_up
from .crowds import overload, two_workers
from .load import Load
from .measured import Measured, Verdict
from .servers import STORES, Server, Servers
from .traffic import Begun, Stock, creates, fill, fill_bare, flush, reads, webhooks

SLOW_GATEWAY_MS: Final = 200
MANY: Final = 256
SUSTAINED: Final = {"sqlite": 1000, "mongo": 200}
"""Webhooks a second, for a minute."""
WEBHOOKS: Final = {"sqlite": 2000, "mongo": 750}
"""In one stretch: half a second's or more."""
SPARE: Final = MANY
"""Payments beyond those, for what is still under way when a stretch is over."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long it may take."""

    concurrency: tuple[int, ...]
    seconds: float
    repeats: int
    orders: int
    sustained_seconds: float
    """0 leaves the sustained load out."""
    budget_seconds: float
    """What is not measured by then is left out, and said to be."""


FULL: Final = Effort((1, 16, 64, 256), seconds=0.8, repeats=3, orders=40_000, sustained_seconds=60, budget_seconds=590)
QUICK: Final = Effort((1, 64), seconds=0.8, repeats=2, orders=20_000, sustained_seconds=0, budget_seconds=100)


async def contests(servers: Servers, effort: Effort, stores: tuple[str, ...] = STORES) -> AsyncIterator[Measured]:
    """Goals 1 to 4, one after the other on each store."""
    fast, slow = servers.gateway(0), servers.gateway(SLOW_GATEWAY_MS)
    for kind in stores:
        program = servers.program(servers.new_store(kind), fast)
        anchors = servers.anchors(servers.new_store(kind), fast)
        stock = fill(program.store, effort.orders + int(SUSTAINED[kind] * effort.sustained_seconds))
        bare = fill_bare(anchors.store, effort.orders)
        yield await _contest_create(program, anchors, effort)
        yield await _contest_webhook(program, anchors, stock, bare, effort)
        yield await _contest_state(program, anchors, bare, effort)
        yield Measured(verdicts=[memory(program)])
        if effort.sustained_seconds:
            yield await sustained_webhooks(program, stock, SUSTAINED[kind], effort.sustained_seconds)
        servers.end(program)
        servers.end(anchors)
        yield await _contest_slow_gateway(servers, kind, slow, effort)
        yield await two_workers(servers, kind, 2 * effort.seconds, effort.repeats)
        yield await overload(servers, kind, 2 * effort.seconds, effort.repeats)


async def _contest_create(program: Server, anchors: Server, effort: Effort) -> Measured:
    rivals = [Contestant("program", program, creates), Contestant("bare", anchors, creates)]
    rounds = await _rounds("create, gateway 0 ms", rivals, effort)
    added = rounds[0].median("program", lambda s: s.p50_ms) - rounds[0].median("bare", lambda s: s.p50_ms)
    verdicts = [
        *_throughput("1", "create", rounds, "bare", 0.70),
        Verdict("1", program.store.kind, "create: added p50, one at once, ms", added, most=1.5),
    ]
    return Measured(rounds, verdicts)


async def _contest_webhook(program: Server, anchors: Server, stock: Stock, bare: list[str], effort: Effort) -> Measured:
    """About payments that this process began, and then about some that another one has."""
    kind = program.store.kind
    begun, theirs = Begun(program, WEBHOOKS[kind] + SPARE), webhooks(bare, again=True)
    ours = Contestant("program", program, begun.webhooks, begun.begin)
    rivals = [ours, Contestant("bare", anchors, lambda: theirs, lambda: flush(anchors.store))]
    scenario = "signed webhook"
    rounds = await _rounds(scenario, rivals, effort, least=WEBHOOKS[kind])
    elsewhere = webhooks(stock.part(effort.orders))
    rivals[0] = Contestant("program", program, lambda: elsewhere, lambda: flush(program.store))
    unknown = await at_once(f"{scenario}, begun elsewhere", rivals, 1, seconds=effort.seconds, repeats=effort.repeats)
    ratio = unknown.ratio("program", "bare", _per_second)
    verdicts = [
        *_throughput("3", "webhook", rounds, "bare", 0.60),
        Verdict("3", kind, "webhook, begun elsewhere: throughput to bare's, one at once", ratio),
    ]
    return Measured([*rounds, unknown], verdicts)


async def _contest_state(program: Server, anchors: Server, known: list[str], effort: Effort) -> Measured:
    rivals = [
        Contestant("program", program, lambda: reads(known)),
        Contestant("framework", anchors, lambda: reads(known)),
    ]
    rounds = await _rounds("order state", rivals, effort)
    return Measured(rounds, _throughput("4", "state", rounds, "framework", 0.80))


async def _contest_slow_gateway(servers: Servers, kind: str, gateway_port: int, effort: Effort) -> Measured:
    """One request at once is all that the blocking program ever works on; more would only queue for it."""
    program = servers.program(servers.new_store(kind), gateway_port)
    anchors = servers.anchors(servers.new_store(kind), gateway_port)
    ours = [Contestant("program", program, creates), Contestant("bare", anchors, creates)]
    naive = Contestant("blocking", anchors, lambda: creates("/blocking"))
    scenario = f"create, gateway {SLOW_GATEWAY_MS} ms"
    await warm_up(ours)
    many = await at_once(scenario, ours, MANY, seconds=3 * effort.seconds, repeats=effort.repeats)
    one = await at_once(scenario, [naive], 1, seconds=3 * effort.seconds, repeats=1)
    servers.end(program)
    servers.end(anchors)
    times = many.median("program", _per_second) / one.median("blocking", _per_second)
    bare = many.median("bare", _per_second) / one.median("blocking", _per_second)
    p99 = many.median("program", lambda s: s.p99_ms)
    least = {"sqlite": 180, "mongo": 110}[kind]
    verdicts = [
        Verdict("2", kind, "create: times the blocking program", times, least=least, ratio="create_slow_gateway"),
        Verdict("2", kind, "create: bare, times the blocking program", bare),
        Verdict("2", kind, f"create: p99, {MANY} at once, ms", p99, most=2 * SLOW_GATEWAY_MS),
    ]
    return Measured([many, one], verdicts)


async def sustained_webhooks(program: Server, stock: Stock, rate: int, seconds: float) -> Measured:
    """At ``rate`` a second. What is not answered with 200 is lost, and none may be."""
    kind = program.store.kind
    answers = await Load(program.port, webhooks(stock.part(int(rate * seconds)))).at_rate(rate, seconds)
    lost = rate * seconds - answers.good
    what = f"webhooks, {rate} a second for {seconds:g} s"
    verdicts = [
        Verdict("3", kind, f"{what}: p99, ms", answers.percentile(0.99), most=100),
        Verdict("3", kind, f"{what}: not acknowledged", lost, most=0),
    ]
    return Measured([], verdicts)


def start_and_memory(servers: Servers, effort: Effort, stores: tuple[str, ...]) -> Measured:
    """Goal 6, but for the long run (``make bench-memory``)."""
    verdicts = []
    gateway = servers.gateway(0)
    for kind in stores:
        starts = []
        for _ in range(effort.repeats):
            program = servers.program(servers.new_store(kind), gateway)
            starts.append(program.seconds_to_answer)
            servers.end(program)
        verdicts.append(Verdict("6", kind, "start to first answer, s", median(starts), most=1.0, ratio="start"))
    imports = sorted(_import_seconds() for _ in range(effort.repeats))
    verdicts.append(Verdict("6", "any", "import, s", median(imports), most=0.6, ratio="import"))
    return Measured([], verdicts)


def memory(program: Server) -> Verdict:
    return Verdict("6", program.store.kind, "memory a worker, MiB", program.memory_mib(), most=90, ratio="memory")


async def _rounds(scenario: str, contestants: list[Contestant], effort: Effort, *, least: int = 0) -> list[Round]:
    """For so many seconds, or for ``least`` requests where those are named."""
    await warm_up(contestants)
    rounds, seconds = [], 0.0 if least else effort.seconds
    for concurrency in effort.concurrency:
        done = await at_once(scenario, contestants, concurrency, seconds=seconds, repeats=effort.repeats, least=least)
        rounds.append(done)
    steady = min(rounds[-1].median(each.name, _per_second) for each in contestants) / 2
    seconds = least / steady if least else 2 * effort.seconds
    rounds.append(await at_rate(scenario, contestants, steady, seconds=seconds, repeats=effort.repeats))
    return rounds


def _throughput(goal: str, name: str, rounds: list[Round], anchor: str, least: float) -> list[Verdict]:
    """Processor time is the steadier figure where others use the machine; a worker can do as much as it has of it."""
    store, loads = rounds[0].store, [each for each in rounds if each.load.endswith("at once")]
    worst = min(each.ratio("program", anchor, _per_second) for each in loads)
    cpu = median(each.ratio(anchor, "program", lambda s: s.cpu_ms) for each in loads)
    return [
        Verdict(goal, store, f"{name}: throughput to {anchor}'s, worst of all loads", worst, least=least, ratio=name),
        Verdict(goal, store, f"{name}: {anchor}'s processor time to ours", cpu, ratio=f"{name}_cpu"),
    ]


def _per_second(stretch: Stretch) -> float:
    return stretch.per_second


def _import_seconds() -> float:
    program = "import time; t = time.perf_counter(); import backend.server; print(time.perf_counter() - t)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(told.stdout)
