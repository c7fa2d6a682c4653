"""Who is let in: sign in by operator key or password, stay signed in by a cookie, sign out for good.

The cookie is signed, so a made-up one costs no look at the store; a record in the store says that the session has not
ended. It ends with its time, by signing out, and when the key or the password is taken out of the settings.
"""

import asyncio
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

import jwt

from ...domain.passwords import ConsoleUser, check_password
from ...domain.records import Record, RecordId
from ...domain.references import UserId
from ...domain.roles import KEY_PREFIX, OperatorKey, Role, find_operator_key
from ...ports import Clock, OrderStore
from ...service.rate_limits import RateLimits, Rule
from ..auth import Caller

LIFETIME: Final = timedelta(hours=8)
AUDIENCE: Final = "console"
PREFIX: Final = "console-session/"
BY_ADDRESS: Final = Rule("console-sign-in", 20)
BY_NAME: Final = Rule("console-sign-in", 10)
"""Tries a minute; far more than a person needs, and far fewer than a guesser does."""


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    caller: Caller

    def may(self, role: Role) -> bool:
        return self.caller.may(role)


class Door:
    def __init__(
        self,
        secret: str,
        keys: Sequence[OperatorKey],
        users: Sequence[ConsoleUser],
        *,
        store: OrderStore,
        clock: Clock,
        rates: RateLimits,
    ) -> None:
        self._secret = hmac.digest(secret.encode(), b"console sessions", "sha256")
        self._keys = [key for key in keys if key.role is not Role.SERVICE]
        self._users = users
        self._store = store
        self._clock = clock
        self._rates = rates
        self.takes_passwords = bool(users)

    async def sign_in(self, name: str, presented: str, address: str) -> str | None:
        """A new session's cookie, or None; ``presented`` is an operator key, or the password of ``name``.

        Raises:
            TooManyTries
        """
        for rule, subject in ((BY_ADDRESS, f"address {address}"), (BY_NAME, f"name {name}")):
            if await self._rates.take(rule, subject) is not None:
                raise TooManyTries
        known: OperatorKey | ConsoleUser | None
        if presented.startswith(KEY_PREFIX):
            known = find_operator_key(self._keys, presented)
        else:
            known = await asyncio.to_thread(check_password, self._users, name, presented)
        return None if known is None else await self._open(known)

    async def session(self, cookie: str | None) -> Session | None:
        """The session that a cookie stands for, while it lasts.

        Raises:
            StoreError: it cannot be told.
        """
        claims = self._read(cookie)
        if claims is None or await self._store.read_record(_record(claims["sid"])) is None:
            return None
        everybody: list[OperatorKey | ConsoleUser] = [*self._keys, *self._users]
        known = next((each for each in everybody if self._proof(each) == claims["proof"]), None)
        if known is None:
            return None
        return Session(claims["sid"], Caller(UserId(known.name), None, known.role, is_customer=False))

    async def sign_out(self, session: Session) -> None:
        record = await self._store.read_record(_record(session.id))
        if record is not None:
            over = Record(record.id, record.text, record.version + 1, self._clock.now())
            await self._store.write_record(over, record.version)
            await self._store.drop_expired_records(self._clock.now(), 100)

    def form_token(self, session: Session) -> str:
        """Stands in every form of a session; another site cannot know it."""
        return hmac.new(self._secret, f"form {session.id}".encode(), sha256).hexdigest()

    def fits(self, session: Session, token: str) -> bool:
        return hmac.compare_digest(self.form_token(session).encode(), token.encode())

    async def _open(self, known: OperatorKey | ConsoleUser) -> str:
        now, session_id = self._clock.now(), secrets.token_urlsafe(32)
        text = json.dumps({"name": known.name})
        await self._store.write_record(Record(_record(session_id), text, 1, now + LIFETIME), 0)
        claims = {"aud": AUDIENCE, "sid": session_id, "proof": self._proof(known), "exp": now + LIFETIME}
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def _read(self, cookie: str | None) -> dict[str, Any] | None:
        try:
            return jwt.decode(
                cookie or "",
                self._secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                options={"require": ["exp", "aud", "sid", "proof"]},
            )
        except jwt.InvalidTokenError:
            return None

    def _proof(self, known: OperatorKey | ConsoleUser) -> str:
        """Tells which key or password opened the session, and nothing of it."""
        told = f"{known.name} {known.role} {known.digest}"
        return hmac.new(self._secret, told.encode(), sha256).hexdigest()


class TooManyTries(Exception):
    pass


def _record(session_id: str) -> RecordId:
    return RecordId(PREFIX + sha256(session_id.encode()).hexdigest())
