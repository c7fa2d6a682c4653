"""The storm: by a seed, which stroke falls next, on whom, and for how long. Several may be under way at once."""

import asyncio
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from typing import Final

from . import clocks
from .stage import Player, Stage

BETWEEN: Final = (0.3, 2.5)
FEWEST_BETWEEN: Final = 5
"""Acknowledgements from one stroke to the next, so that each falls into work on a slow machine, too ..."""
LONGEST_BETWEEN_SECONDS: Final = 10.0
"""... unless it is the strokes that keep people waiting."""
DOWN: Final = (0.0, 1.5)
PAUSED: Final = (0.3, 4.0)
FULL: Final = (0.5, 3.0)
MOST_SKEW_SECONDS: Final = 120


class Storm:
    def __init__(self, stage: Stage, chance: random.Random, acknowledged: Callable[[], int]) -> None:
        self.fell: Counter[str] = Counter()
        self._acknowledged = acknowledged
        self._stage = stage
        self._chance = chance
        self._busy: set[str] = set()
        strokes: Mapping[str, tuple[int, Callable[[], Awaitable[bool]]]] = {
            "web killed": (5, lambda: self._kill(chance.choice(stage.webs))),
            "worker killed": (4, lambda: self._kill(chance.choice(stage.workers))),
            "gateway killed": (3, self._kill_gateway),
            "all of ours killed": (1, self._kill_ours),
            "gateway paused": (3, lambda: self._pause(stage.gateway)),
            "one of ours paused": (2, lambda: self._pause(chance.choice(stage.ours))),
            "store paused": (3, self._pause_store),
            "database killed": (4 if stage.engine else 0, self._kill_database),
            "disk full": (2 if stage.disk.can_be_full else 0, self._fill_disk),
            "clock wrong": (4 if clocks.can_be_wrong() else 0, self._skew),
        }
        self._strokes = {name: stroke for name, (weight, stroke) in strokes.items() if weight}
        self._weights = [weight for weight, _ in strokes.values() if weight]

    async def rage(self, seconds: float) -> None:
        """Return once the time is over and everything runs again."""
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                while True:
                    name = self._chance.choices(list(self._strokes), self._weights)[0]
                    group.create_task(self._strike(name))
                    await asyncio.sleep(self._chance.uniform(*BETWEEN))
                    await self._some_work()
        except TimeoutError:
            pass

    async def _some_work(self) -> None:
        enough = self._acknowledged() + FEWEST_BETWEEN
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_BETWEEN_SECONDS):
                while self._acknowledged() < enough:  # noqa: ASYNC110 (many note, and none of them tells)
                    await asyncio.sleep(0.05)

    async def _strike(self, name: str) -> None:
        if await self._strokes[name]():
            self.fell[name] += 1

    async def _kill(self, *players: Player) -> bool:
        """SIGKILL; they stay down for a moment, as if a machine had to be found first."""
        free = [player for player in players if player.name not in self._busy]
        for player in free:
            player.wanted = False
            player.kill()
        try:
            with self._at_work(*free):
                await asyncio.sleep(self._chance.uniform(*DOWN))
        finally:
            for player in free:
                player.wanted = True
        return bool(free)

    async def _kill_gateway(self) -> bool:
        self._stage.gateway.settings["SIMULATOR_AUTO_CAPTURE"] = self._chance.choice(["true", "false"])
        return await self._kill(self._stage.gateway)

    async def _kill_ours(self) -> bool:
        return await self._kill(*self._stage.ours)

    async def _pause(self, player: Player) -> bool:
        if player.name in self._busy:
            return False
        player.signal(signal.SIGSTOP)
        try:
            with self._at_work(player):
                await asyncio.sleep(self._chance.uniform(*PAUSED))
        finally:
            player.signal(signal.SIGCONT)
        return True

    async def _pause_store(self) -> bool:
        if "store" in self._busy:
            return False
        with self._at_work("store"):
            if self._stage.engine is not None:
                await self._stage.pause_engine(self._chance.uniform(*PAUSED))
            else:
                await self._lock_file(self._chance.uniform(*PAUSED))
        return True

    async def _lock_file(self, seconds: float) -> None:
        """SQLite runs inside of its users; what stops it from outside is somebody who holds its lock."""
        with closing(sqlite3.connect(self._stage.data / "orders.sqlite3", isolation_level=None, timeout=1)) as other:
            try:
                other.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                return
            await asyncio.sleep(seconds)

    async def _kill_database(self) -> bool:
        if "store" in self._busy:
            return False
        with self._at_work("store"):
            await self._stage.kill_engine(self._chance.uniform(*DOWN))
        return True

    async def _fill_disk(self) -> bool:
        if "disk" in self._busy:
            return False
        with self._at_work("disk"):
            try:
                await asyncio.to_thread(self._stage.disk.fill)
                await asyncio.sleep(self._chance.uniform(*FULL))
            finally:
                self._stage.disk.free()
        return True

    async def _skew(self) -> bool:
        player = self._chance.choice(self._stage.ours)
        player.clock.set(self._chance.uniform(-MOST_SKEW_SECONDS, MOST_SKEW_SECONDS))
        return True

    def _at_work(self, *victims: Player | str) -> "_Busy":
        return _Busy(self._busy, {victim if isinstance(victim, str) else victim.name for victim in victims})


class _Busy:
    """Who is being struck, while they are: no stroke falls on top of another one's victim."""

    def __init__(self, busy: set[str], names: set[str]) -> None:
        self._busy, self._names = busy, names

    def __enter__(self) -> None:
        self._busy |= self._names

    def __exit__(self, *_: object) -> None:
        self._busy -= self._names
