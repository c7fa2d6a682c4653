"""What the services need from a store: orders, the inbox and small records, kept durably.

Failures are errors, split by whether the outcome is known:

    StoreError
    +-- StoreUnavailable        nothing was read, nothing was written
    +-- StoreOutcomeUnknown     a write may or may not have landed: read again, never assume
    +-- DocumentUnusable        one document is; the others can be worked with
        +-- DocumentTooNew      written by a later version of this program; refuse rather than lose what it added
        +-- DocumentUnreadable  not what any version of this program writes
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from msgspec import Struct

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.model import Order, OrderId
from ..domain.money import CurrencyCode
from ..domain.records import Record, RecordId
from ..domain.references import JobReference
from ..domain.searching import DeliveryQuery, Lag, OrderQuery
from ..domain.statuses import OrderStatus
from ..domain.terms import Mode


class StoreError(Exception):
    """The store did not do what was asked."""

    todo: str = ""
    """What a person is to do about it, where that is known."""


class StoreUnavailable(StoreError):
    """Nothing was read or written; try again later."""

    def __init__(self, why: str, todo: str = "") -> None:
        super().__init__(f"{why}: {todo}" if todo else why)
        self.todo = todo


class StoreOutcomeUnknown(StoreError):
    """The write may or may not have landed; read again before deciding anything."""


class DocumentUnusable(StoreError):
    """One document; the others can be worked with. ``why`` goes on after its id."""

    def __init__(self, document_id: str, why: str) -> None:
        super().__init__(f"{document_id} {why}")
        self.why = why


class DocumentTooNew(DocumentUnusable):
    def __init__(self, document_id: str, schema: int, known: int) -> None:
        super().__init__(
            document_id, f"was written in schema {schema}, this program knows up to {known}: run the newer version"
        )


class DocumentUnreadable(DocumentUnusable):
    def __init__(self, document_id: str, why: str) -> None:
        super().__init__(document_id, f"cannot be read: {why}")


class UnreadableOrder(Struct, frozen=True):
    """Stands in a scan in the place of an order that is there and cannot be read; ``why`` goes on after its id."""

    id: OrderId
    why: str


class Work(StrEnum):
    """What of an order falls due by itself."""

    LOOK = "look"  # at ``next_check_at``: ask the gateway
    NOTICE = "notice"  # at ``next_notice_at``: tell the shop


class Applied(Struct, frozen=True):
    """What a delivery makes of its order: the order's next version, and the words that are kept with the delivery."""

    order: Order
    outcome: str


Apply: TypeAlias = Callable[[Order], Applied | None]
"""Called in any thread, and perhaps again, so it has no effect."""


class OrderStore(Protocol):
    """Orders, the inbox and small records, durably.

    Every write that returns survives the death of the process and the machine.

    All methods raise StoreUnavailable; those that write may raise StoreOutcomeUnknown instead. Orders come back equal
    to what was written, to the microsecond and the character.
    """

    async def open(self) -> None:
        """Connect, and create what is missing (tables, indexes)."""

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Return if the store answers a read now."""

    async def insert(self, order: Order) -> bool:
        """Add a new order at its ``version``; False, and nothing written, if its id is taken."""

    async def replace(self, order: Order, expected_version: int) -> bool:
        """Replace the order if the stored version is ``expected_version``; False, and nothing written, if not."""

    async def get(self, order_id: OrderId) -> Order | None: ...

    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        """The order one of whose payment jobs bears the gateway's ``reference``."""

    async def make_due(self, order_id: OrderId, at: datetime) -> None:
        """Bring the order's ``next_check_at`` forward to ``at``, never back; the version stays."""

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        """Take up to ``limit`` orders whose ``work`` is due at ``now``, the longest due first.

        Taking pushes its time to ``until``, so no other worker takes them before that, and work whose taker died falls
        due again. The version stays: whoever changes the order sets its times anew.
        """

    async def search(self, query: OrderQuery, limit: int) -> Sequence[Order]:
        """Up to ``limit`` orders that fit, by ``placed_at`` from the newest, then by id from the last.

        Every condition is looked up by an index. What cannot be read is left out and logged.
        """

    async def scan(self, mode: Mode, after: OrderId | None, limit: int) -> Sequence[Order | UnreadableOrder]:
        """Up to ``limit`` orders by id, those after ``after``: every order, page by page, while others write.

        What cannot be read has its place too: an export must not leave anything out in silence, nor end there.
        """

    async def money_at_risk(self, mode: Mode) -> Mapping[CurrencyCode, int]:
        """``at_risk_minor`` summed over all orders, by currency; currencies without any are left out."""

    async def count_orders(self, mode: Mode) -> Mapping[OrderStatus, int]:
        """How many orders there are, by status; those without any are left out."""

    async def lag(self, mode: Mode) -> Lag:
        """When the longest waiting work of each kind fell due."""

    async def receive(self, delivery: Delivery) -> Delivery:
        """Add the delivery, or count it on its row; returns the row as it stands, with whatever else came
        meanwhile counted too. Its ``next_try_at`` is taken over."""

    async def receive_and_apply(self, delivery: Delivery, order_id: OrderId, apply: Apply) -> Delivery | None:
        """Do with the delivery what ``apply`` makes of the order; None, and nothing done, if that is nothing, or there
        is no such order. A store may first try with a guess at the order; then a wrong one leaves the row pending.

        The delivery is stored as by ``receive``; and where ``replace`` would put the changed order in the place of the
        version before it, that and ``settle`` are done in the same go. The row that is returned is pending where the
        order was not replaced, or where the row came again meanwhile. Cut short, it leaves the first of the three steps
        done, or the first two.
        """

    async def settle(self, delivery_id: DeliveryId, seen: int, outcome: str) -> None:
        """Mark the row worked through up to ``seen`` receptions; it stays pending if more have come since."""

    async def postpone(self, delivery_id: DeliveryId, until: datetime, outcome: str) -> None:
        """Leave the row pending, count one attempt, and make it due at ``until``."""

    async def take_deliveries(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Take up to ``limit`` pending rows with ``next_try_at <= now``, longest due first, as ``take_due`` does."""

    async def get_delivery(self, delivery_id: DeliveryId) -> Delivery | None: ...

    async def search_deliveries(self, query: DeliveryQuery, limit: int) -> Sequence[Delivery]:
        """Up to ``limit`` rows that fit, by ``last_at`` from the newest, then by id from the last."""

    async def reopen(self, delivery_id: DeliveryId, at: datetime) -> bool:
        """Make a row pending again, due at ``at``, with no attempts counted; False if there is none."""

    async def drop_deliveries(self, mode: Mode, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` rows that are done and were last received before ``before``; returns how many."""

    # Records: changed by compare-and-set like orders.

    async def read_record(self, record_id: RecordId) -> Record | None: ...

    async def write_record(self, record: Record, expected_version: int) -> bool:
        """Write if the stored version is ``expected_version`` (0: there is none); False if not, and nothing written.

        An expired record that nobody has dropped yet still counts as there.
        """

    async def list_records(self, prefix: str, after: RecordId | None, limit: int) -> Sequence[Record]:
        """Up to ``limit`` records whose id starts with ``prefix``, by id, those after ``after``."""

    async def drop_expired_records(self, now: datetime, limit: int) -> int:
        """Remove up to ``limit`` records with ``expires_at <= now``; returns how many."""
