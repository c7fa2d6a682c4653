"""One simulated world, from its seed to what it came to.

First half an hour in which anything may go wrong, then a time in which nothing does, until all should have come right.
"""

import asyncio
import hashlib
import logging
import tempfile
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from backend.domain.deliveries import Delivery
from backend.domain.model import Order, OrderId
from backend.domain.terms import Mode
from backend.ports import OrderStore
from backend.simulator import SimulatorSettings
from backend.stores import codec

from . import everyday as daily
from . import people
from .bank import Bank
from .chance import Chance, Stroke
from .clock import VirtualClock, determined
from .disk import Disk, reading_each_text_once
from .hooks import WebhookNetwork
from .invariants import Invariants
from .loop import EverythingWaits, Life, SimulatedLoop, TooManySteps
from .process import Chore, Process
from .shop import Shop

MOST_STEPS: Final = 400_000
TROUBLE_SECONDS: Final = 1_500.0
QUIET_SECONDS: Final = 4.5 * 3_600
POLL_SECONDS: Final = 1.0
LONGEST_POLL_SECONDS: Final = 60.0
RAM: Final = Path("/dev/shm")  # noqa: S108 - a file that need not outlive the run


class Variant(StrEnum):
    """Which of the defences is missing; each must be enough without the others."""

    ALL_ON = "all"
    NO_WEBHOOKS = "no-webhooks"
    NO_RECONCILE = "no-reconcile"
    NO_RETRIES = "no-retries"


@dataclass(frozen=True, slots=True)
class Options:
    """What a world is, apart from chance. ``calm`` divides the rates of all faults."""

    seed: int
    variant: Variant = Variant.ALL_ON
    sqlite: bool = False
    without: frozenset[Stroke] = frozenset()
    calm: float = 1.0
    published_scheme: bool = False
    auto_capture: bool = True
    orders: int = 2
    processes: int = 2
    scripts: tuple[str, ...] = ()
    """What the gateway does to every order, on top of what chance makes it do."""
    rates: tuple[tuple[str, float], ...] = ()
    """Of fault classes that are not left to chance."""
    everyday: bool = False
    """Faults and people as they mostly are, many orders at a time."""
    dies_at: int = 0
    """The step, of all that processes take in the time of trouble, at which its process dies; 0 for none."""

    @property
    def reconciles(self) -> bool:
        return self.variant is not Variant.NO_RECONCILE

    @property
    def healthy(self) -> bool:
        return self.calm > 1e6 and not self.dies_at


def options_for(
    seed: int,
    variant: Variant = Variant.ALL_ON,
    *,
    sqlite: bool = False,
    without: frozenset[Stroke] = frozenset(),
    calm: float = 1.0,
    everyday: bool = False,
) -> Options:
    draw = Random(f"{seed}/options")  # noqa: S311 - a simulation's
    return Options(
        seed=seed,
        variant=variant,
        sqlite=sqlite,
        without=without,
        calm=calm,
        published_scheme=draw.random() < 0.3,
        auto_capture=draw.random() < 0.75,
        orders=daily.ORDERS if everyday else draw.choice((1, 2, 2, 3)),
        processes=draw.choice((2, 2, 3)),
        everyday=everyday,
        rates=tuple(daily.RATES.items()) if everyday else (),
    )


@dataclass
class Result:
    """What a world came to; ``digest`` is the same for two runs exactly if they went the same way."""

    seed: int
    violations: list[str]
    strokes: Sequence[Stroke]
    steps: int
    virtual_seconds: float
    digest: str
    orders: int = 0
    payments: int = 0
    orders_with_alerts: int = 0
    steps_in_trouble: int = 0
    saw: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> Counter[str]:
        return Counter(name for name, _ in self.strokes)


class World:
    def __init__(self, options: Options, folder: Path) -> None:
        self.options = options
        self.chance = Chance(options.seed, without=options.without, calm=options.calm)
        self.chance.rates.update(options.rates)
        self.loop = SimulatedLoop(self.chance.stream("schedule"), self._before_step, most_steps=MOST_STEPS)
        self.clock = VirtualClock(self.loop.time)
        self.context = copy_context()
        self.account = SimulatorSettings(
            public_base_url="http://simulator.example", auto_capture=options.auto_capture, partial_capture=True
        )
        self.disk = Disk(folder / "orders.sqlite3" if options.sqlite else None)
        self.shop = Shop(self)
        self.processes: list[Process] = []
        self.violations: list[str] = []
        self.sightings: Counter[str] = Counter()
        self.scripts: list[str] = []
        self.invariants = Invariants(self)
        self.bank: Bank
        self.store: OrderStore
        self._wrote = asyncio.Event()
        self._kill_in = 0.0
        self.steps_in_trouble = 0

    # --- for the parts ---

    def spawn(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Run something that belongs to no process, and so survives them all."""
        return self.loop.create_task(work, context=self.context.copy())

    def violate(self, invariant: str, detail: str) -> None:
        self.violations.append(f"{invariant}: {detail}")
        self.loop.stop()

    def saw(self, what: str) -> None:
        self.sightings[what] += 1

    def reached(self, what: str) -> None:
        """Seen while something may still go wrong, so that a process may die in the middle of it."""
        if self.chance.enabled:
            self.saw(f"{what} in trouble")

    def written(self, name: str, given: Sequence[Any], answer: object) -> None:
        """A write has landed."""
        self._wrote.set()
        if name == "receive_and_apply":
            if not cast(Delivery, answer).is_pending:
                self.invariants.order_written(given[0])
        elif name in ("insert", "replace") and answer is True:
            self.invariants.order_written(given[0])
        elif name in ("insert", "replace"):
            self.saw("write_refused")

    def skew(self) -> timedelta:
        if not self.chance.strikes("skew"):
            return timedelta()
        seconds = self.chance.between("skew_seconds", -90, 90)
        return timedelta(seconds=seconds * (40 if self.chance.likely("skew_seconds", 0.2) else 1))

    def up(self) -> list[Process]:
        return [process for process in self.processes if process.is_up]

    async def orders(self) -> list[Order]:
        """All orders as stored, past every fault."""
        scanned = await self.store.scan(Mode.MOCK, None, 1000)
        found = [order for order in scanned if isinstance(order, Order)]
        assert len(found) == len(scanned), "every order can be read"
        return found

    async def order(self, order_id: OrderId) -> Order | None:
        return await self.store.get(order_id)

    # --- one life of the world ---

    def run(self) -> Result:
        try:
            with determined(self.chance.stream("secrets"), self.loop.time), reading_each_text_once(), _watching(self):
                self._run_until_quiet()
        finally:
            self.loop.dispose()
        return self._result

    def _run_until_quiet(self) -> None:
        main = self.loop.create_task(self._live(), context=self.context.copy())
        try:
            self.loop.run_until_complete(main)
        except EverythingWaits:
            self.violate("comes to rest", "everything waits for nothing")
        except TooManySteps:
            self.violate("comes to rest", f"more than {MOST_STEPS} steps")
        except RuntimeError:
            if not self.violations:  # a violation stops the loop
                raise
        self.violations.extend(f"unhandled: {told}" for told in self.loop.unhandled)
        if not main.done():
            self._result = self._told([], "")

    async def _live(self) -> None:
        self.store = await self.disk.open_store()
        self.bank = Bank(self, self.account, WebhookNetwork(self))
        people.arm_scripts(self, daily.SCRIPTS if self.options.everyday else people.SCRIPTS)
        async with self.bank.simulator.running():
            for number in range(1, self.options.processes + 1):
                process = Process(self, f"p{number}")
                self.processes.append(process)
                await process.start()
            self._next_kill()
            self.spawn(self._wake_workers())
            everybody = daily.crowd(self) if self.options.everyday else people.crowd(self)
            crowd = [self.spawn(work) for work in everybody]
            await asyncio.sleep(TROUBLE_SECONDS)
            await self._heal()
            for person in crowd:
                await person
            await asyncio.sleep(QUIET_SECONDS)
            await self.invariants.at_rest()
            self._result = self._told(await self.orders(), await self._digest())
        await self.disk.close()
        self.bank.simulator.close()

    async def _heal(self) -> None:
        """From now on nothing goes wrong any more, and people repair what they are to repair."""
        self.chance.enabled = False
        self.bank.simulator.scripts.disarm("*")
        people.disarm_scripts(self)
        for process in self.processes:
            if not process.is_up:
                await process.start()
            process.clock.skew = timedelta()
        guards = [process.services.guard for process in self.processes if process.services is not None]
        await guards[0].resume("cashflows", "ann")
        for guard in guards:
            await guard.refresh()

    async def _wake_workers(self) -> None:
        """Every worker's polling, without the polls that find nothing."""
        pause = POLL_SECONDS
        while True:
            await asyncio.sleep(self.chance.between("poll", 0.01, POLL_SECONDS))
            self._wrote.clear()
            waiting = await self._waiting()
            now = self.clock.now()
            due = [chore for chore, at in waiting.items() if at <= now]
            if due:
                for process in self.up():
                    if self.chance.likely("poll", 0.7):
                        process.wake(due)
                await asyncio.sleep(pause)
                pause = min(1.1 * pause, LONGEST_POLL_SECONDS)  # what nobody gets done need not be tried every second
                continue
            pause = POLL_SECONDS
            seconds = (min(waiting.values()) - now).total_seconds() if waiting else 86_400.0
            alarm = self.loop.call_later(seconds, self._wrote.set)
            await self._wrote.wait()
            alarm.cancel()

    async def _waiting(self) -> dict[Chore, datetime]:
        """When each kind of work falls due for the first time."""
        lag = await self.store.lag(Mode.MOCK)
        dues = {Chore.DELIVERIES: lag.delivery_at, Chore.NOTICES: lag.notice_at}
        if self.options.reconciles:
            dues[Chore.LOOKS] = lag.look_at
        return {chore: at for chore, at in dues.items() if at is not None}

    # --- death ---

    def _before_step(self, life: Life) -> None:
        if self.chance.enabled:
            self.steps_in_trouble += 1
            if self.steps_in_trouble == self.options.dies_at:
                self._kill_if_up(life)
                return
        if not self.chance.enabled or not self.chance.rates["kill"]:
            return
        self._kill_in -= 1
        if self._kill_in > 0:
            return
        self._next_kill()
        if self.chance.stroke("kill"):
            self._kill_if_up(life)

    def _kill_if_up(self, life: Life) -> None:
        process = next((each for each in self.processes if each.life is life), None)
        if process is not None and process.is_up:
            process.kill()
            self.spawn(self._restart(process))

    async def _restart(self, process: Process) -> None:
        slow = self.chance.likely("restart", 0.3)
        await asyncio.sleep(self.chance.between("restart", 0.5, 60 if slow else 4))
        if not process.is_up:
            await process.start()

    def _next_kill(self) -> None:
        rate = self.chance.rates["kill"]
        self._kill_in = self.chance.stream("kill").expovariate(rate) if rate else 0.0

    # --- the end ---

    async def _digest(self) -> str:
        told = hashlib.sha256()
        for order in await self.orders():
            told.update(codec.order_to_json(order).encode())
        for job in self.bank.jobs.values():
            told.update(repr(job).encode())
        told.update(repr((self.chance.strokes, self.loop.steps)).encode())
        return told.hexdigest()

    def _told(self, orders: Sequence[Order], digest: str) -> Result:
        self.sightings.update(people.sights(orders))
        return Result(
            seed=self.options.seed,
            violations=self.violations,
            strokes=tuple(self.chance.strokes),
            steps=self.loop.steps,
            virtual_seconds=self.loop.time(),
            digest=digest,
            orders=len(orders),
            payments=sum(len(order.payments) for order in orders),
            orders_with_alerts=sum(bool(order.attention) for order in orders),
            steps_in_trouble=self.steps_in_trouble,
            saw=self.sightings,
        )


class _Watch(logging.Handler):
    """A program that logs an exception has met something that nobody thought of."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._world.violate("no surprise", f"{record.getMessage()}: {record.exc_info[1]!r}")

    def __enter__(self) -> None:
        log = logging.getLogger("backend")
        self._before = log.level, log.propagate
        log.setLevel(logging.ERROR)
        log.propagate = False
        log.addHandler(self)

    def __exit__(self, *_: object) -> None:
        log = logging.getLogger("backend")
        level, log.propagate = self._before
        log.setLevel(level)  # which also forgets what loggers below it had worked out
        log.removeHandler(self)


def _watching(world: World) -> _Watch:
    return _Watch(world)


def run_world(options: Options, kind: type[World] = World) -> Result:
    if not options.sqlite:
        return kind(options, Path()).run()
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
        return kind(options, Path(folder)).run()
