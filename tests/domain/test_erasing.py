"""Erasure takes the person out of the order and leaves a chain in which any changed byte still shows."""

from msgspec.structs import replace

from backend.domain.erasing import erased, is_erased
from backend.domain.events import PersonalDataErased
from backend.domain.history import broken_at
from backend.domain.ledger import defects, place, record
from backend.domain.model import Order
from backend.domain.order_status import order_status
from backend.domain.personal import ERASED, redacted
from backend.domain.terms import Address, Customer

from .builders import NOW, terms

PERSON = Customer("canary@example.com", "Canary Person", "+44 canary", Address("Canary Street 1"))


def an_order() -> Order:
    asked = replace(terms(owner="canary-user"), customer=PERSON, description="for Canary")
    return place(asked, at=NOW, operation="op-1", actor="customer canary-user")


def without_person(order: Order) -> Order:
    """As the service writes it."""
    stepped, events = erased(order, by="ann", reason="asked for")
    return record(stepped, events, at=NOW, operation="0123456789abcdef", actor="operator ann")


def test_nothing_personal_is_left_and_the_money_stays() -> None:
    before = an_order()
    after = without_person(before)
    text = f"{after} {after.terms.customer.email} {after.terms.customer.name} {after.terms.owner}"
    assert "canary" not in text.lower()
    assert after.terms.customer == Customer(ERASED, ERASED, ERASED, None)
    assert (after.amount, after.reference, order_status(after)) == (
        before.amount,
        before.reference,
        order_status(before),
    )
    assert is_erased(after)
    assert not is_erased(before)


def test_the_order_is_without_the_person_before_the_event_is_written() -> None:
    stepped, _ = erased(an_order(), by="ann", reason="asked for")
    assert is_erased(stepped)


def test_the_chain_still_holds_and_is_what_the_history_tells() -> None:
    after = without_person(an_order())
    assert defects(after) == []
    assert isinstance(after.history[-1].event, PersonalDataErased)
    assert after.history[0].digest == an_order().history[0].digest, "copies of it elsewhere still fit"


def test_a_changed_byte_shows_also_in_what_is_left_of_an_erased_entry() -> None:
    after = without_person(an_order())
    first = after.history[0]
    for changed in (
        replace(first, actor="customer somebody"),
        replace(first, digest="0" * 64),
        replace(first, operation="0123456789abcdef"),
    ):
        assert broken_at((changed, *after.history[1:])) is not None
    event = after.history[-1].event
    assert isinstance(event, PersonalDataErased)
    loosened = replace(after.history[-1], event=replace(event, seals=()))
    assert broken_at((*after.history[:-1], loosened)) == 1


def test_an_erasure_cannot_seal_what_comes_after_it() -> None:
    after = without_person(an_order())
    event = after.history[-1].event
    assert isinstance(event, PersonalDataErased)
    assert all(seal.entry < after.history[-1].number for seal in event.seals)


def test_erasing_twice_changes_nothing_more() -> None:
    once = without_person(an_order())
    assert erased(once, by="bob", reason="again") == (once, ())


def test_what_is_personal_is_not_printed() -> None:
    terms = an_order().terms
    assert "canary" not in repr(terms).lower()
    assert "canary" not in repr(terms.__rich_repr__()).lower()
    assert redacted(an_order().terms).customer.name == ERASED
