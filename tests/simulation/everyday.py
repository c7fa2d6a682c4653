"""A day like any other: faults as often as they are, and people who mostly do the usual thing.

The other worlds are far worse than life, to find what is wrong. These tell how often a person would be called.
"""

from collections.abc import Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from backend.domain.model import Order
from backend.domain.operations import OperationKind
from backend.domain.statuses import PaymentStatus

from . import people
from .chance import RATES as WORST

if TYPE_CHECKING:
    from .world import World

ORDERS: Final = 12
RATES: Final[Mapping[str, float]] = {
    **dict.fromkeys(WORST, 0.0),
    "kill": 1 / 8_000,  # a process dies about once a day, and then in the middle of something
    "skew": 0.2,
    "wire_refused": 0.003,
    "wire_lost": 0.001,
    "wire_answer_lost": 0.003,
    "wire_late": 0.002,
    "wire_slow": 0.02,
    "store_away": 0.002,
    "store_answer_lost": 0.001,
    "store_late": 0.001,
    "store_slow": 0.005,
    "store_lost_race": 0.002,
    "store_half_done": 0.001,
    "lease_lost": 0.002,
    "webhook_lost": 0.01,
    "webhook_twice": 0.01,
    "webhook_late": 0.01,
    "webhook_answer_lost": 0.01,
    "shop_away": 0.01,
    "shop_answer_lost": 0.005,
    "customer_hangs_up": 0.03,
    "gateway_script": 0.02,
}
"""For each opportunity, in every such world; the gateway takes the money that it was asked for."""

SCRIPTS: Final = (
    "lost-reply.create.x1", "lost-reply.refund.x1", "lost-reply.capture.x1", "lost-request.refund.x1",
    "late-commit.refund.x1", "delay.create.x1", "delay.refund.x1", "error-500-before.create.x1",
    "error-500-after.create.x1", "error-500-after.refund.x1", "error-503-after.capture.x1",
    "too-many-requests.create.x1", "too-many-requests.read.x2", "html-reply.refund.x1", "truncated-json.refund.x1",
    "stale-read.x3", "duplicate-webhook", "reordered-webhooks", "late-webhook", "lost-webhook.x2", "early-webhook",
    "failed-then-paid", "refund-pending", "refund-failed",
)  # fmt: skip
"""What the gateway does to one order in fifty: it fails and is late, but it does not lie."""


def crowd(world: "World") -> Iterator[Coroutine[Any, Any, object]]:
    for wish in people.wishes(world):
        yield Shopper(world, wish).shop()
        yield Office(world, wish).work()


class Shopper(people.Shopper):
    async def shop(self) -> None:
        await self.pause(0, 900)
        for _ in range(3 if self.likely(0.05) else 1):
            started = await self._start()
            if started is not None:
                await self._use(started)
            await self._come_back()
            await self.pause(1, 120)


class Office(people.Office):
    """Captures what is reserved, now and then gives money back, and seldom anything else."""

    async def work(self) -> None:
        await self.pause(1_000, 1_400)
        order = await self.world.order(self.order_id)
        if order is not None:
            await self._handle(order)

    async def _handle(self, order: Order) -> None:
        held = {payment.status for payment in order.payments}
        if PaymentStatus.AUTHORIZED in held:
            await self._operate(order, OperationKind.VOID if self.likely(0.05) else OperationKind.CAPTURE)
        elif PaymentStatus.CAPTURED in held and self.likely(0.1):
            await self._operate(order, OperationKind.REFUND)
        elif self.likely(0.02):
            await self._tell(order, lambda s, o: s.operations.check_now(o, by="ann"))
