"""Answers kept under an idempotency key: the first request claims the key, does its work, and leaves its answer.

What happens when a process dies: before the claim, nothing; between claim and answer, the claim runs out and the next
request with the key does the work again, which is safe because starting a payment and planning an operation are
themselves idempotent; after the answer, it is there. Two that work at the same time, because a claim ran out under
slow hands, get the same answer for the same reason; the first to leave it wins.

Only digests of the key and the request are kept, with the answer's status and body.
"""

import json
import logging
import secrets
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ..domain.records import Record, RecordId
from ..ports import Clock, OrderStore, StoreError, StoreOutcomeUnknown, StoreUnavailable
from ..stepping_aside import stepping_aside

log = logging.getLogger(__name__)

PREFIX: Final = "idempotency/"
KEPT_FOR: Final = timedelta(hours=24)
PATIENCE: Final = timedelta(seconds=2)
"""How long a repeat waits for the first one's answer before it is told that the work is still in progress."""
FIRST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 0.25
MOST_ROUNDS: Final = 100


class KeyOfAnotherRequest(Exception):
    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was sent with another request; use a new key for a new request")


class StillInProgress(Exception):
    def __init__(self) -> None:
        super().__init__("the request with this Idempotency-Key is still being worked on; send it again shortly")


class Answer(Struct, frozen=True):
    status: int
    media_type: str
    body: str


class Claim(Struct, frozen=True):
    """The right to do the work; it runs out by itself."""

    record: Record
    fingerprint: str


Claimed: TypeAlias = Claim | Answer


class Answers:
    def __init__(self, store: OrderStore, clock: Clock, *, claim_for: timedelta) -> None:
        """``claim_for`` should be longer than a request takes; a shorter one costs double work, and is safe."""
        self._store = store
        self._clock = clock
        self._claim_for = claim_for

    async def claim(self, key: str, fingerprint: str) -> Claimed:
        """The right to do the work of a request, or the answer to it that is there already.

        Raises:
            KeyOfAnotherRequest: ``fingerprint`` is not that of the request which the key came with first.
            StillInProgress: another is at work on it.
            StoreError: nothing is known to be claimed.
        """
        claim, give_up_at = secrets.token_hex(8), self._clock.now() + PATIENCE
        pause = FIRST_PAUSE_SECONDS
        for _ in range(MOST_ROUNDS):
            now = self._clock.now()
            record = await self._store.read_record(_record_id(key))
            told = _told(record, now)
            if record is not None and told.get("claim") == claim:
                return Claim(record, fingerprint)
            if told.get("request", fingerprint) != fingerprint:
                raise KeyOfAnotherRequest
            if "status" in told:
                return Answer(told["status"], told["type"], told["body"])
            if not _is_claimed(told, now):
                text = {"request": fingerprint, "claim": claim, "until": (now + self._claim_for).isoformat()}
                claimed = _record(key, text, 1 if record is None else record.version + 1, now)
                if await self._write(claimed, give_up_at):
                    return Claim(claimed, fingerprint)
            elif now >= give_up_at:
                raise StillInProgress
            with stepping_aside():
                await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        raise StoreUnavailable(f"an idempotency key could not be claimed in {MOST_ROUNDS} tries")

    async def keep(self, claim: Claim, answer: Answer) -> None:
        """Leave the answer for whoever asks again; where that fails, the work is done again, which is safe."""
        text = {"status": answer.status, "type": answer.media_type, "body": answer.body}
        await self._end(claim, text)

    async def release(self, claim: Claim) -> None:
        """Nothing final came of it: the next request with the key and the same body does the work."""
        await self._end(claim, {})

    async def _write(self, claimed: Record, give_up_at: datetime) -> bool:
        """Whether it is surely written; where the store cannot say, the next look tells."""
        try:
            return await self._store.write_record(claimed, claimed.version - 1)
        except StoreOutcomeUnknown:
            if self._clock.now() >= give_up_at:
                raise
            return False

    async def _end(self, claim: Claim, told: dict[str, Any]) -> None:
        text = json.dumps({"request": claim.fingerprint, **told})
        ended = replace(
            claim.record, text=text, version=claim.record.version + 1, expires_at=self._clock.now() + KEPT_FOR
        )
        try:
            if not await self._store.write_record(ended, claim.record.version):
                log.info("the claim of an idempotency key had run out before its answer came")
        except StoreError as exc:
            log.warning("the answer under an idempotency key was not kept: %s", exc)


def _record_id(key: str) -> RecordId:
    return RecordId(PREFIX + key)


def _record(key: str, told: dict[str, Any], version: int, now: datetime) -> Record:
    return Record(_record_id(key), json.dumps(told), version, now + KEPT_FOR)


def _told(record: Record | None, now: datetime) -> dict[str, Any]:
    """What a record says; nothing once it is over, though nobody may have dropped it yet."""
    if record is None or (record.expires_at is not None and record.expires_at <= now):
        return {}
    told: dict[str, Any] = json.loads(record.text)
    return told


def _is_claimed(told: dict[str, Any], now: datetime) -> bool:
    return "until" in told and now < datetime.fromisoformat(told["until"])
