"""How many requests somebody may make in a minute, counted over all processes that share the store.

Tokens are taken from a record of the store in chunks of a tenth of the limit and spent here, so the store is asked a
few times a minute for whoever is busy, and never for whoever is not: the first twentieth is free of asking, and told
with the first chunk. So no more than the limit gets through, plus a twentieth for each further process that somebody
has hardly used; it may be less by the chunks that other processes hold.

Each subject's minute begins at another second, so that not everybody who waits comes back at once. Without the store
nobody is turned away: what is asked for will hardly work, and that answer is the truer one.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from msgspec import Struct

from ..domain.records import Record, RecordId
from ..domain.terms import Mode
from ..ports import Clock, OrderStore, StoreError

log = logging.getLogger(__name__)

PREFIX: Final = "rate/"
WINDOW_SECONDS: Final = 60
CHUNKS: Final = 10
FREE_SHARES: Final = 20
MOST_SUBJECTS: Final = 20_000
"""Some 8 MB; the one seen first is forgotten first."""
MOST_ROUNDS: Final = 10


class Rule(Struct, frozen=True):
    name: str
    limit: int
    """Requests in a window; 0 is no limit."""


class Refusal(Struct, frozen=True):
    rule: Rule
    retry_after_seconds: int


@dataclass(slots=True)
class _Share:
    """What this process may still let through for one subject in its current window."""

    digest: str
    offset: int
    window: int = -1
    left: int = 0
    untold: int = 0
    is_spent: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimits:
    def __init__(self, store: OrderStore, clock: Clock, mode: Mode) -> None:
        self._store = store
        self._clock = clock
        self._mode = mode
        self._shares: dict[tuple[str, str], _Share] = {}

    async def take(self, rule: Rule, subject: str) -> Refusal | None:
        """Take one token, or say when there will be one again."""
        if rule.limit == 0:
            return None
        share = self._share(rule, subject)
        since = self._clock.now().timestamp() + share.offset
        window = int(since // WINDOW_SECONDS)
        if share.window != window:
            _begin(share, window, rule.limit // FREE_SHARES)
        if share.left == 0 and not share.is_spent:
            await self._refill(rule, share)
        if share.left > 0:
            share.left -= 1
            return None
        return Refusal(rule, max(1, round(WINDOW_SECONDS - since % WINDOW_SECONDS)))

    def _share(self, rule: Rule, subject: str) -> _Share:
        key = (rule.name, subject)
        known = self._shares.get(key)
        if known is None:
            if len(self._shares) >= MOST_SUBJECTS:
                del self._shares[next(iter(self._shares))]
            digest = sha256(f"{rule.name} {subject}".encode()).hexdigest()[:32]
            known = self._shares[key] = _Share(digest, offset=int(digest, 16) % WINDOW_SECONDS)
        return known

    async def _refill(self, rule: Rule, share: _Share) -> None:
        async with share.lock:
            if share.left > 0 or share.is_spent:
                return
            window = share.window
            try:
                granted = await self._draw(rule, share, window)
            except StoreError as exc:
                log.warning("rate limits are not shared while the store is away: %s", exc)
                granted = _chunk(rule)
            if share.window == window:
                share.left, share.is_spent = granted, granted == 0

    async def _draw(self, rule: Rule, share: _Share, window: int) -> int:
        """Take a chunk from what all processes share; returns how many tokens that is."""
        name = RecordId(f"{PREFIX}{rule.name}/{self._mode}/{share.digest}/{window}")
        for _ in range(MOST_ROUNDS):
            known = await self._store.read_record(name)
            taken, version = (0, 0) if known is None else (int(known.text), known.version)
            granted = min(_chunk(rule), rule.limit - taken - share.untold)
            if granted <= 0:
                return 0
            over = datetime.fromtimestamp((window + 2) * WINDOW_SECONDS, UTC) - timedelta(seconds=share.offset)
            told = Record(name, str(taken + share.untold + granted), version + 1, expires_at=over)
            if await self._store.write_record(told, version):
                share.untold = 0
                return granted
        return 1  # so many processes want tokens at once that none may starve here


def _begin(share: _Share, window: int, free: int) -> None:
    share.window, share.left, share.untold, share.is_spent = window, free, free, False


def _chunk(rule: Rule) -> int:
    return max(1, rule.limit // CHUNKS)
