"""Documents of other versions of this program: older ones are read, newer and foreign ones refused without guessing."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backend.domain import ledger
from backend.domain.history import broken_at
from backend.domain.ledger import defects
from backend.domain.model import SCHEMA, Order
from backend.domain.order_status import order_status
from backend.domain.personal import ERASED
from backend.domain.statuses import OrderStatus, PaymentStatus
from backend.domain.terms import Address, Customer, OrderLine
from backend.ports import DocumentTooNew, DocumentUnreadable
from backend.stores import codec
from backend.stores.upgrades import ORDER_UPGRADES
from tests.contracts.examples import NOON, a_delivery, an_order, noted, with_every_event, with_job
from tests.domain.builders import SECOND, fact, learn, opened

DOCUMENTS = Path(__file__).parent / "documents"
ORDER = with_every_event(an_order(due=NOON))


def read(document: codec.Document, *, upgrades: codec.Upgrades = ORDER_UPGRADES) -> Order:
    """Read in both of the ways in which stores keep documents; they must agree."""
    order = read_from_json(json.dumps(document), upgrades=upgrades)
    due = codec.maybe_instant(ORDER.next_check_at)
    again = codec.order_from_document(
        ORDER.id, document, version=1, next_check_at=due, next_notice_at=None, upgrades=upgrades
    )
    assert again == order
    return order


def read_from_json(text: str, *, upgrades: codec.Upgrades = ORDER_UPGRADES) -> Order:
    due = codec.maybe_instant(ORDER.next_check_at)
    return codec.order_from_json(ORDER.id, text, version=1, next_check_at=due, next_notice_at=None, upgrades=upgrades)


def unchanged(document: codec.Document) -> codec.Document:
    return document


@pytest.fixture
def _history_tells_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The histories in question have an event of each kind, and no order's life."""
    monkeypatch.setattr(codec, "STATE_SINCE", 0)


def refused(document: codec.Document, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        read_from_json(json.dumps(document))
    with pytest.raises(error, match=why):
        codec.order_from_document(ORDER.id, document, version=1, next_check_at=None, next_notice_at=None)


def test_document_reads_as_the_order_it_was_made_from() -> None:
    assert read(codec.order_to_document(ORDER)) == ORDER
    assert json.loads(codec.order_to_json(ORDER)) == json.loads(json.dumps(codec.order_to_document(ORDER)))


def test_an_order_of_schema_1_is_told_anew_from_its_history() -> None:
    text = (DOCUMENTS / "order_schema_1.json").read_text()
    order = codec.order_from_json("mock/TEST-001", text, version=4, next_check_at=None, next_notice_at=None)
    assert order_status(order) is OrderStatus.PAID
    assert [item.code for item in order.attention] == ["amount_differs"]
    assert [payment.captured_at is not None for payment in order.payments] == [False, True]
    assert (order.version, order.schema, order.outbox) == (4, SCHEMA, ())
    assert defects(order) == []
    again = codec.order_from_json(
        order.id, codec.order_to_json(order), version=4, next_check_at=None, next_notice_at=None
    )
    assert again == order


def test_an_order_of_schema_4_is_told_anew_and_loses_nothing_that_the_shop_is_still_to_hear() -> None:
    order = learn(opened(), fact(PaymentStatus.AUTHORIZED), fact(PaymentStatus.AUTHORIZED, SECOND))
    assert ([item.code for item in order.attention], len(order.outbox)) == (["authorized_twice"], 2)
    document = codec.order_to_document(order) | {"schema": 4, "attention": [], "notified": 7}
    read = codec.order_from_document(
        order.id, document, version=3, next_check_at=None, next_notice_at=codec.instant(NOON)
    )
    assert (read.attention, read.outbox, read.notified) == (order.attention, order.outbox, 7)
    assert (read.version, read.schema, read.next_notice_at) == (3, SCHEMA, NOON)


def test_an_older_order_whose_history_tells_of_none_is_unreadable_and_breaks_nothing_else() -> None:
    refused(json.loads((DOCUMENTS / "order_schema_3.json").read_text()), DocumentUnreadable, "tells of no order")


@pytest.mark.usefixtures("_history_tells_no_order")
@pytest.mark.parametrize("name", ["order", "erased"])
def test_the_chain_of_an_order_of_schema_3_holds_and_goes_on(name: str) -> None:
    text = (DOCUMENTS / f"{name}_schema_3.json").read_text()
    order = codec.order_from_json("mock/TEST-001", text, version=4, next_check_at=None, next_notice_at=None)
    assert order.terms.customer.name == ("Zoë Ñandú" if name == "order" else ERASED)
    order = noted(order, "looked")
    assert broken_at(order.history) is None
    for number, entry in enumerate(order.history, start=1):
        changed = replace(entry, actor="somebody else")
        assert broken_at((*order.history[: number - 1], changed, *order.history[number:])) == number
    again = codec.order_from_json(
        order.id, codec.order_to_json(order), version=5, next_check_at=None, next_notice_at=None
    )
    assert again == order


@pytest.mark.usefixtures("_history_tells_no_order")
def test_an_order_of_schema_2_says_nothing_of_addresses_and_keeps_its_chain() -> None:
    document = codec.order_to_document(ORDER) | {"schema": 2}
    for terms in (document["terms"], document["history"][0]["event"]["terms"]):
        del terms["locale"], terms["lines"][0]["sku"]
        for later in ("phone", "billing_address", "shipping_address"):
            del terms["customer"][later]
    order = read(document)
    assert order == ORDER
    assert broken_at(order.history) is None


def test_everything_an_order_may_say_of_its_customer_comes_back() -> None:
    address = Address("1 High Street", "Flat 2", "London", "SW1A 1AA", "", "GB")
    customer = Customer("ann@example.com", "Ann Example", "+44 20 7946 0018", address, replace(address, line_2=""))
    lines = (OrderLine("Entry", 1, ORDER.amount.minor, "SKU-1"),)
    terms = replace(ORDER.terms, customer=customer, lines=lines, locale="nl_NL")
    order = ledger.place(terms, at=NOON, operation="place", actor="shop")
    assert read(codec.order_to_document(order)) == replace(order, next_check_at=NOON)
    assert broken_at(order.history) is None


def test_version_and_next_check_live_beside_the_document_only() -> None:
    document = codec.order_to_document(ORDER)
    assert not codec.BESIDE & document.keys()


def test_older_document_is_upgraded_step_by_step() -> None:
    """Two steps back: what is ``terms`` was ``agreed`` in schema -1, ``looks_since_news`` was ``looks`` in schema 0."""
    document = codec.order_to_document(ORDER)
    document |= {"schema": -1, "agreed": document.pop("terms"), "looks": document.pop("looks_since_news")}
    as_found = json.dumps(document)

    def to_0(old: codec.Document) -> codec.Document:
        old["terms"] = old.pop("agreed")
        return old

    def to_1(old: codec.Document) -> codec.Document:
        old["looks_since_news"] = old.pop("looks")
        return old

    upgraded = read(document, upgrades={-1: to_0, 0: to_1, 1: unchanged, 2: unchanged, 3: unchanged, 4: unchanged})
    assert upgraded == ORDER
    assert codec.order_to_document(upgraded)["schema"] == SCHEMA
    assert json.dumps(document) == as_found, "what the store holds is left alone"


def test_newer_document_is_refused_with_what_to_do() -> None:
    newer = codec.order_to_document(ORDER) | {"schema": SCHEMA + 1, "something": "new"}
    why = rf"mock/TEST-001 was written in schema {SCHEMA + 1}, .* knows up to {SCHEMA}: run the newer version"
    refused(newer, DocumentTooNew, why)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": None}, "does not say which schema"),
        ({"schema": "1"}, "does not say which schema"),
        ({"schema": 0}, "nothing upgrades schema 0"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"jobs": None}, "jobs"),
        ({"jobs": [{}]}, r"jobs\[0\]: Object missing required field `number`"),
        ({"history": [{"event": {"kind": "unheard_of"}}]}, r"history\[0\]\.event\.kind"),
        ({"placed_at": "yesterday"}, "placed_at"),
        ({"looks_since_news": "1"}, "looks_since_news"),
        ({"looks_since_news": 1.5}, "looks_since_news"),
        ({"id": "mock/OTHER"}, "it says that it is mock/OTHER"),
    ],
)
def test_document_that_no_version_writes_is_unreadable(change: codec.Document, why: str) -> None:
    refused(codec.order_to_document(ORDER) | change, DocumentUnreadable, f"mock/TEST-001 cannot be read: .*{why}")


@pytest.mark.parametrize("field", sorted(codec.order_to_document(ORDER)))
def test_document_that_lacks_a_field_is_unreadable(field: str) -> None:
    document = codec.order_to_document(ORDER)
    del document[field]
    refused(document, DocumentUnreadable, field)


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (("jobs", 0, "payments", 0), "captured_minor"),
        (("terms", "customer"), "phone"),
        (("history", 0, "event", "terms"), "locale"),
    ],
)
@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_nothing_inside_is_missing_or_unknown(where: tuple[str | int, ...], name: str, change: str) -> None:
    """Not even what has a default, which would stand for whatever was there."""
    document = json.loads(codec.order_to_json(with_job(ORDER, "J")))
    inside = document
    for step in where:
        inside = inside[step]
    value = inside.pop(name)
    if change == "unknown":
        inside |= {name: value, "unheard_of": None}
        name = "unheard_of"
    refused(document, DocumentUnreadable, f"{where[0]}.*: Field `{name}` is {change}")


def test_what_only_a_driver_knows_has_no_place_in_a_document() -> None:
    document: codec.Document = json.loads(codec.order_to_json(ORDER))
    document["terms"]["unheard_of"] = object()
    with pytest.raises(DocumentUnreadable, match="`unheard_of` is unknown"):
        codec.order_from_document(ORDER.id, document, version=1, next_check_at=None, next_notice_at=None)


def test_fields_in_another_order_are_the_same_order() -> None:
    """As versions before wrote them, and other programs that stored documents went through."""
    text = json.dumps(json.loads(codec.order_to_json(ORDER)), sort_keys=True)
    assert read_from_json(text) == ORDER


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "NaN", '{"schema": 1e999}'])
def test_text_that_is_no_document_is_unreadable(text: str) -> None:
    with pytest.raises(DocumentUnreadable):
        read_from_json(text)


@pytest.mark.parametrize("beside", [{"version": "two"}, {"next_check_at": "soon"}, {"next_notice_at": 5}])
def test_what_is_beside_a_document_and_cannot_be_makes_it_unreadable(beside: dict[str, Any]) -> None:
    known: dict[str, Any] = {"version": 1, "next_check_at": None, "next_notice_at": None}
    with pytest.raises(DocumentUnreadable):
        codec.order_from_json(ORDER.id, codec.order_to_json(ORDER), **known | beside)


def test_unreadable_document_is_reported_without_what_it_holds() -> None:
    whole = codec.order_to_document(ORDER)
    secret = "ann@example.com"
    word = f"{secret} - at `$.{secret}`"
    for wrong in ({"terms": {"reference": [secret]}}, {"placed_at": secret}, {"history": [{"before": word}]}):
        with pytest.raises(DocumentUnreadable) as caught:
            read_from_json(json.dumps(whole | wrong))
        assert secret not in str(caught.value)


def test_text_that_no_store_can_keep_is_refused_before_it_is_written() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        codec.order_to_json(an_order(name="half \ud800"))


def test_delivery_of_another_schema_is_upgraded_or_refused() -> None:
    delivery = a_delivery()
    row = codec.delivery_to_document(delivery)
    assert codec.delivery_from_document(delivery.id, row) == delivery
    older = {name: value for name, value in row.items() if name != "outcome"} | {"schema": 0}
    upgrades: codec.Upgrades = {0: lambda old: old | {"outcome": ""}}
    assert codec.delivery_from_document(delivery.id, older, upgrades=upgrades) == delivery
    with pytest.raises(DocumentTooNew):
        codec.delivery_from_document(delivery.id, row | {"schema": 2})
    with pytest.raises(DocumentUnreadable):
        codec.delivery_from_document(delivery.id, row | {"received": "many"})


def test_instants_sort_as_the_times_do() -> None:
    times = [NOON.replace(year=year, microsecond=part) for year in (1, 999, 2026, 9999) for part in (0, 1, 999_999)]
    assert sorted(codec.instant(at) for at in times) == [codec.instant(at) for at in times]
