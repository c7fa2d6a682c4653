"""What every store promises to operators: searches, pages, sums; and to notifications: a second kind of due work."""

from typing import Final

from msgspec.structs import replace

from backend.domain.events import AttentionRaised, PaymentObserved, PersonalDataErased
from backend.domain.facts import Evidence, EvidenceSource, PaymentFact
from backend.domain.model import Order, OrderId
from backend.domain.money import CurrencyCode
from backend.domain.order_status import order_status
from backend.domain.references import PaymentReference
from backend.domain.searching import Cursor, DeliveryQuery, Lag, OrderQuery
from backend.domain.statuses import OrderStatus, PaymentStatus
from backend.domain.terms import Mode
from backend.ports import OrderStore, UnreadableOrder, Work

from .bench import Bench
from .examples import MINUTE, NOON, TICK, a_delivery, after, an_order, with_job
from .order_store import FAR, Check


def placed(reference: str, minutes: int, minor: int = 1000, mode: Mode = Mode.MOCK) -> Order:
    order = an_order(reference, minor=minor, mode=mode)
    return replace(order, placed_at=NOON + minutes * MINUTE)


def paid(order: Order) -> Order:
    order = with_job(order, f"J-{order.reference}")
    evidence = Evidence(EvidenceSource.RETRIEVAL, "d" * 64, "Paid")
    fact = PaymentFact(PaymentReference(f"J-{order.reference}-1"), PaymentStatus.CAPTURED, evidence)
    return after(order, PaymentObserved(1, fact))


async def found(store: OrderStore, query: OrderQuery, limit: int = 10) -> list[str]:
    return [order.reference for order in await store.search(query, limit)]


async def orders_are_searched_from_the_newest(bench: Bench) -> None:
    store = await bench.store()
    for order in (placed("A", 1), placed("C", 3), placed("B", 2), placed("X", 9, mode=Mode.PRODUCTION)):
        await store.insert(order)
    assert await found(store, OrderQuery(Mode.MOCK)) == ["C", "B", "A"]
    assert await found(store, OrderQuery(Mode.PRODUCTION)) == ["X"]


async def each_condition_of_a_search_holds(bench: Bench) -> None:
    store = await bench.store()
    cheap, dear = placed("RS-1", 1, minor=500), placed("RS-2", 2, minor=900)
    other = replace(dear.terms, customer=replace(dear.terms.customer, email="Bob@Example.com"))
    dear = after(paid(replace(dear, terms=other)), AttentionRaised("note", "look", 900))
    await store.insert(cheap)
    await store.insert(dear)
    mock = OrderQuery(Mode.MOCK)
    both = ["RS-2", "RS-1"]
    for query, expected in (
        (replace(mock, reference="RS-"), both),
        (replace(mock, reference="RS-1"), ["RS-1"]),
        (replace(mock, reference="S-1"), []),
        (replace(mock, email="bob@example.COM"), ["RS-2"]),
        (replace(mock, gateway_reference="J-RS-2"), ["RS-2"]),
        (replace(mock, gateway_reference="J-RS-2-1"), ["RS-2"]),
        (replace(mock, gateway_reference="J-RS-3"), []),
        (replace(mock, status=OrderStatus.PAID), ["RS-2"]),
        (replace(mock, status=OrderStatus.PENDING), ["RS-1"]),
        (replace(mock, amount_minor=500), ["RS-1"]),
        (replace(mock, currency=CurrencyCode("GBP")), both),
        (replace(mock, currency=CurrencyCode("EUR")), []),
        (replace(mock, needs_attention=True), ["RS-2"]),
        (replace(mock, needs_attention=False), ["RS-1"]),
        (replace(mock, placed_from=dear.placed_at), ["RS-2"]),
        (replace(mock, placed_until=dear.placed_at), ["RS-1"]),
        (replace(mock, status=OrderStatus.PAID, amount_minor=500), []),
    ):
        assert await found(store, query) == expected, query


async def a_search_follows_what_is_written(bench: Bench) -> None:
    store = await bench.store()
    order = an_order("A")
    await store.insert(order)
    changed = paid(order)
    await store.replace(replace(changed, version=2), 1)
    assert await found(store, OrderQuery(Mode.MOCK, status=OrderStatus.PENDING)) == []
    assert await found(store, OrderQuery(Mode.MOCK, gateway_reference="J-A-1")) == ["A"]
    assert await store.search(OrderQuery(Mode.MOCK, status=OrderStatus.PAID), 10) == [replace(changed, version=2)]
    noticed = after(changed, AttentionRaised("note", "look"))
    await store.replace(replace(noticed, version=3), 2)
    assert await found(store, OrderQuery(Mode.MOCK, needs_attention=True)) == ["A"]
    erased = after(noticed, PersonalDataErased("ann", "asked for", ()))
    await store.replace(replace(erased, version=4), 3)
    assert await found(store, OrderQuery(Mode.MOCK, email=order.terms.customer.email)) == []
    assert await found(store, OrderQuery(Mode.MOCK, email=erased.terms.customer.email)) == ["A"]


async def pages_of_a_search_leave_nothing_out(bench: Bench) -> None:
    store = await bench.store()
    for n in range(7):
        await store.insert(placed(f"N{n}", n // 3))  # several at the same time: the id decides
    query, seen = OrderQuery(Mode.MOCK), list[str]()
    while page := await store.search(query, 2):
        assert len(page) <= 2
        seen += [order.reference for order in page]
        query = replace(query, after=Cursor(page[-1].placed_at, page[-1].id))
    assert seen == ["N6", "N5", "N4", "N3", "N2", "N1", "N0"]


async def a_scan_meets_every_order_of_its_mode_once(bench: Bench) -> None:
    store = await bench.store()
    for name in ("B", "A", "C/1", "C.1"):
        await store.insert(an_order(name))
    await store.insert(an_order("Z", mode=Mode.PRODUCTION))
    seen: list[str] = []
    last: OrderId | None = None
    while page := await store.scan(Mode.MOCK, last, 3):
        seen += [order.id for order in page]
        last = page[-1].id
    assert seen == ["mock/A", "mock/B", "mock/C.1", "mock/C/1"]


async def a_scan_names_what_it_cannot_read_and_goes_on(bench: Bench) -> None:
    store = await bench.store()
    orders = [an_order(name) for name in "ABCD"]
    for order in orders:
        await store.insert(order)
    for order in (orders[1], orders[3]):
        await bench.spoil(order.id)
    first = await store.scan(Mode.MOCK, None, 2)
    assert [each.id for each in first] == [order.id for order in orders[:2]]
    assert first[0] == orders[0]
    last = await store.scan(Mode.MOCK, first[-1].id, 10)
    assert last[0] == orders[2]
    for unreadable, order in ((first[1], orders[1]), (last[1], orders[3])):
        assert isinstance(unreadable, UnreadableOrder)
        assert unreadable.id == order.id
        assert unreadable.why.startswith("cannot be read: ")


async def money_at_risk_is_summed_by_currency(bench: Bench) -> None:
    store = await bench.store()
    assert await store.money_at_risk(Mode.MOCK) == {}
    for name, minor in (("A", 100), ("B", 250), ("C", 0)):
        await store.insert(after(an_order(name), AttentionRaised("note", "look", minor)))
    await store.insert(after(an_order("D", mode=Mode.PRODUCTION), AttentionRaised("note", "look", 9)))
    assert await store.money_at_risk(Mode.MOCK) == {"GBP": 350}


async def orders_are_counted_by_status(bench: Bench) -> None:
    store = await bench.store()
    assert await store.count_orders(Mode.MOCK) == {}
    for name in ("A", "B"):
        await store.insert(an_order(name))
    await store.insert(an_order("C", mode=Mode.PRODUCTION))
    assert await store.count_orders(Mode.MOCK) == {order_status(an_order("A")): 2}


async def notices_fall_due_beside_looks(bench: Bench) -> None:
    store = await bench.store()
    order = replace(an_order("A", due=NOON), next_notice_at=NOON + MINUTE)
    await store.insert(order)
    assert await (await bench.store()).get(order.id) == order
    assert await store.take_due(Work.NOTICE, Mode.MOCK, NOON + MINUTE - TICK, FAR, 10) == []
    assert await store.take_due(Work.LOOK, Mode.MOCK, NOON, FAR, 10) == [order.id]
    assert await store.take_due(Work.NOTICE, Mode.MOCK, NOON + MINUTE, FAR, 10) == [order.id]
    assert await store.take_due(Work.NOTICE, Mode.MOCK, FAR - TICK, FAR, 10) == []
    taken = replace(order, next_check_at=FAR, next_notice_at=FAR)
    assert await (await bench.store()).get(order.id) == taken
    assert await store.take_due(Work.NOTICE, Mode.MOCK, FAR, FAR + MINUTE, 10) == [order.id]


async def lag_tells_the_longest_waiting_of_each_kind(bench: Bench) -> None:
    store = await bench.store()
    assert await store.lag(Mode.MOCK) == Lag(None, None, None)
    await store.insert(replace(an_order("A", due=NOON + MINUTE), next_notice_at=NOON))
    await store.insert(an_order("B", due=NOON))
    await store.receive(a_delivery(due=NOON + 2 * MINUTE))
    assert await store.lag(Mode.MOCK) == Lag(NOON, NOON, NOON + 2 * MINUTE)
    assert await store.lag(Mode.PRODUCTION) == Lag(None, None, None)


async def deliveries_are_searched_reopened_and_dropped(bench: Bench) -> None:
    store = await bench.store()
    rows = [await store.receive(a_delivery(b"%d" % n, at=NOON + n * MINUTE)) for n in range(3)]
    await store.settle(rows[0].id, 1, "applied")
    await store.settle(rows[1].id, 1, "odd")
    mock = DeliveryQuery(Mode.MOCK)
    for query, expected in (
        (mock, [2, 1, 0]),
        (replace(mock, pending=True), [2]),
        (replace(mock, pending=False), [1, 0]),
        (replace(mock, outcome="odd"), [1]),
        (replace(mock, after=Cursor(rows[1].last_at, rows[1].id)), [0]),
        (DeliveryQuery(Mode.PRODUCTION), []),
    ):
        found = await store.search_deliveries(query, 10)
        assert [row.id for row in found] == [rows[n].id for n in expected], query
    assert await store.reopen(rows[1].id, NOON + 9 * MINUTE)
    reopened = await store.get_delivery(rows[1].id)
    assert reopened is not None
    assert (reopened.is_pending, reopened.next_try_at) == (True, NOON + 9 * MINUTE)
    assert not await store.reopen(a_delivery(b"unknown").id, NOON)
    assert await store.drop_deliveries(Mode.MOCK, NOON, 10) == 0
    assert await store.drop_deliveries(Mode.PRODUCTION, FAR, 10) == 0
    assert await store.drop_deliveries(Mode.MOCK, FAR, 10) == 1, "what is pending stays"
    assert await store.get_delivery(rows[0].id) is None
    assert await store.get_delivery(rows[2].id) is not None


CHECKS: Final[tuple[Check, ...]] = (
    orders_are_searched_from_the_newest,
    each_condition_of_a_search_holds,
    a_search_follows_what_is_written,
    pages_of_a_search_leave_nothing_out,
    a_scan_meets_every_order_of_its_mode_once,
    a_scan_names_what_it_cannot_read_and_goes_on,
    money_at_risk_is_summed_by_currency,
    orders_are_counted_by_status,
    notices_fall_due_beside_looks,
    lag_tells_the_longest_waiting_of_each_kind,
    deliveries_are_searched_reopened_and_dropped,
)
