"""What a gateway's author writes to have the adapter checked: a simulated gateway, and levers to move it.

Everything that can go wrong on the way (lost replies, redirects, truncated bodies) the checks do by themselves; the
levers are for what is said in the gateway's own language. A lever that the gateway has no use for is left out, and the
checks that need it are skipped.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Self

import httpx

from ..domain.money import Money
from ..domain.references import JobReference, OwnReference
from ..gateways.registry import GatewayContext, build, find_factories
from ..ports import PaymentGateway


class NotOffered(Exception):
    """The harness has no such lever; what needs it is skipped."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One delivery as it would come in; header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Books:
    """What the simulated gateway itself has on its books for one job."""

    asked: Money
    captured_minor: int
    refunded_minor: int
    refunds: int
    """How many refunds it was asked for and accepted."""
    is_cancelled: bool


class GatewayHarness(ABC):
    """One simulated gateway with one merchant account; every check gets a fresh one."""

    gateway: ClassVar[str]
    """The name of the gateway's entry point."""
    settings: Mapping[str, str]
    """Complete settings for the simulated account."""
    credentials: Sequence[str]
    """Names in ``settings``: each is needed, and another value of it is another account or another key to it."""
    secrets: Sequence[str]
    """Names in ``settings`` whose values may be seen by nobody."""
    webhook_secret: str | None = None
    """Name in ``settings`` of what verifies webhooks; None: the gateway does not sign them."""
    currencies: Sequence[str] = ("GBP", "JPY", "BHD")
    """Currencies to ask an amount in: with two, no and three decimals where the gateway takes them."""
    unknown_job = JobReference("100000000000000000")
    """Formed like a name that the gateway gives to a job, and given to none."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Let go of whatever the simulated gateway holds."""
        return

    def make(self, context: GatewayContext) -> PaymentGateway:
        """The adapter under test, as the program makes it."""
        return build(self.gateway, find_factories([self.gateway])[self.gateway], context)

    def now(self) -> datetime:
        """The simulated gateway's time."""
        return datetime.now(UTC)

    @abstractmethod
    def network(self) -> httpx.AsyncBaseTransport:
        """Leads to the simulated gateway and nowhere else."""

    @abstractmethod
    async def pay(self, job: JobReference) -> None:
        """The customer pays, whatever was declined before; with a holding account the money is only authorized."""

    @abstractmethod
    async def decline(self, job: JobReference) -> None:
        """The customer tries to pay, and the payment is declined."""

    @abstractmethod
    async def jobs_for(self, own_reference: OwnReference) -> Sequence[JobReference]:
        """The jobs on its books that bear our name."""

    @abstractmethod
    async def books(self, job: JobReference) -> Books: ...

    @abstractmethod
    async def webhook(self, job: JobReference) -> Webhook:
        """The latest delivery about the job that it has to make."""

    @abstractmethod
    async def refuse_credentials(self) -> None:
        """Answer every call from now on as one with a wrong key."""

    @abstractmethod
    async def invent_status(self, job: JobReference) -> None:
        """Tell of the job, in replies and webhooks, by a status that its manual does not have."""

    @abstractmethod
    async def misstate_amount(self, job: JobReference) -> None:
        """Tell of the job with an amount in it that is not the one asked for."""

    async def misstate_currency(self, job: JobReference) -> None:
        """Tell of the job with another currency."""
        raise NotOffered("misstate_currency", job)

    async def delay_refunds(self, job: JobReference) -> None:
        """Accept the job's refunds from now on without carrying them out yet."""
        raise NotOffered("delay_refunds", job)

    async def fail_refunds(self, job: JobReference) -> None:
        """Refuse the job's refunds from now on."""
        raise NotOffered("fail_refunds", job)

    def holding(self) -> "GatewayHarness":
        """A fresh one whose account only authorizes, so that captures and voids can be asked for."""
        raise NotOffered
