import asyncio
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from backend.simulator.cards import CardEntry

from .conftest import Worlds
from .world import DECLINED, EXPIRED, PAYS, World, page_path


class Form(HTMLParser):
    """The fields and buttons of the page's only form."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str | None]] = []
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.buttons: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        if tag == "form":
            self.forms.append(found)
        elif tag == "input":
            self.inputs[str(found["name"])] = found
        elif tag == "button":
            self.buttons.append(found)


async def test_the_page_is_one_plain_form_with_standard_fields(world: World) -> None:
    response = await world.shopper.open(await world.merchant.create("A-1001"))
    form = Form(response.text)
    assert len(form.forms) == 1
    assert form.forms[0]["method"] == "post"
    for name in ("cc-number", "cc-name", "cc-exp", "cc-csc"):
        assert form.inputs[name]["autocomplete"] == name
    assert [(button["name"], button["value"]) for button in form.buttons] == [("action", "pay"), ("action", "cancel")]
    assert "formnovalidate" in form.buttons[1]
    assert not form.tags & {"script", "img", "iframe"}
    assert response.text.count("<link") == 1, "the one that says that there is no icon"


async def test_the_page_says_what_is_paid_to_whom_and_that_it_is_a_test(worlds: Worlds) -> None:
    async with worlds(merchant_name="Tea & <b>Cakes</b>") as world:
        response = await world.shopper.open(await world.merchant.create("A-1001", amount="1234.50"))
        text = unescape(response.text)
        assert "£1234.50" in text
        assert "Order A-1001" in text
        assert "Tea & <b>Cakes</b>" in text
        assert "<b>Cakes" not in response.text
        assert "Test mode" in text
        assert PAYS in text
        assert "Luke Skywalker" not in text


async def test_the_published_scheme_shows_names_and_listed_cards(world: World) -> None:
    response = await world.shopper.open(await world.published.create())
    assert "Luke Skywalker" in response.text
    assert "4510 4004 0009 9005" in response.text


async def test_the_page_forbids_scripts_framing_and_caching_but_not_the_way_back(world: World) -> None:
    response = await world.shopper.open(await world.merchant.create())
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert "form-action" not in policy
    assert '<link rel="icon" href="data:,">' in response.text, "else the browser asks for /favicon.ico"
    assert "img-src data:" in policy
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_paying_leads_to_the_shop(world: World) -> None:
    created = await world.merchant.create()
    response = await world.shopper.pay(created)
    job, payment = created["data"]["reference"], created["data"]["payments"][0]["reference"]
    assert response.status_code == 303
    expected = f"https://shop.example/ok?cart=7&paymentjobref={job}&paymentref={payment}&ordernumber=A-1001"
    assert response.headers["location"] == expected
    data = await world.merchant.job(job)
    assert (data["paymentStatus"], data["paidAmount"], data["amountCollected"]) == ("Paid", "10.00", "10.00")
    assert data["payments"][0]["surchargeAmount"] == "0"


@pytest.mark.parametrize(("number", "words"), [(DECLINED, "Declined by the card issuer"), (EXPIRED, "expired card")])
async def test_a_declined_card_may_be_followed_by_another(world: World, number: str, words: str) -> None:
    created = await world.merchant.create()
    refused = await world.shopper.pay(created, number)
    assert refused.headers["location"] == page_path(created).removeprefix("/payment")
    shown = await world.shopper.open(created)
    assert shown.status_code == 200
    assert words in shown.text
    assert (await world.shopper.pay(created)).headers["location"].startswith("https://shop.example/ok")
    data = await world.merchant.job(created["data"]["reference"])
    assert [payment["status"] for payment in data["payments"]] == ["Declined", "Paid"]
    assert words in data["payments"][0]["lastErrorReport"]["errors"][0]["message"]
    assert data["paymentStatus"] == "Paid"
    assert f"paymentref={data['payments'][1]['reference']}" in data["payments"][1]["attributes"]["returnUrlSuccess"]


@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111-1111-1111-1111", " 4111 1111  1111 1111 ", "5200400200099009"]
)
async def test_numbers_are_read_as_people_type_them(world: World, number: str) -> None:
    created = await world.merchant.create()
    assert (await world.shopper.pay(created, number)).headers["location"].startswith("https://shop.example/ok")


@pytest.mark.parametrize("expiry", ["12/29", "12 / 29", "12/2029", "1229", "2029-12", "3/26", "03/36"])
async def test_expiry_dates_are_read_as_people_type_them(world: World, expiry: str) -> None:
    created = await world.merchant.create()
    assert (await world.shopper.pay(created, **{"cc-exp": expiry})).status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("cc-number", "4111111111111112", "not a valid card number"),
        ("cc-number", "", "not a valid card number"),
        ("cc-number", "0000000000000000", "not a valid card number"),
        ("cc-exp", "02/26", "expiry date"),
        ("cc-exp", "13/29", "expiry date"),
        ("cc-exp", "04/37", "expiry date"),
        ("cc-exp", "", "expiry date"),
        ("cc-csc", "", "security code"),
        ("cc-csc", "12", "security code"),
        ("cc-csc", "1234", "security code"),
    ],
)
async def test_mistakes_are_shown_and_nothing_is_charged(world: World, field: str, value: str, words: str) -> None:
    created = await world.merchant.create()
    response = await world.shopper.pay(created, name="A N Other", **{field: value})
    assert response.status_code == 422
    assert words in response.text
    assert "Nothing was charged" in response.text
    main = response.text.split("</form>")[0]
    assert "A N Other" in main
    assert not re.search(r"4111\D?1111", main)
    assert not value or field == "cc-exp" or f'value="{value}"' not in main
    data = await world.merchant.job(created["data"]["reference"])
    assert [payment["status"] for payment in data["payments"]] == ["Pending"]


async def test_american_express_has_four_digits_of_security_code(world: World) -> None:
    created = await world.merchant.create()
    assert (await world.shopper.pay(created, "340000000000009")).status_code == 422
    paid = await world.shopper.pay(created, "3400 000000 00009", **{"cc-csc": "1234"})
    assert paid.headers["location"].startswith("https://shop.example/ok")


async def test_cancelling_needs_no_card_and_ends_the_job(world: World) -> None:
    created = await world.merchant.create()
    response = await world.shopper.press(created, "cancel")
    assert response.status_code == 303
    assert re.search(
        r"^https://shop\.example/cancelled\?.*&ordernumber=A-1001&status=cancelled$", response.headers["location"]
    )
    assert (await world.shopper.pay(created)).headers["location"].endswith("status=cancelled")
    assert "cancelled" in (await world.shopper.open(created)).text
    data = await world.merchant.job(created["data"]["reference"])
    assert (data["paymentStatus"], data["payments"][0]["status"]) == ("Cancelled", "Cancelled")


async def test_pressing_pay_many_times_takes_the_money_once(world: World) -> None:
    created = await world.merchant.create()
    answers = await asyncio.gather(*(world.shopper.pay(created) for _ in range(10)))
    assert {answer.headers["location"].split("?")[0] for answer in answers} == {"https://shop.example/ok"}
    job = (await world.jobs())[0]
    assert (job["capturedMinor"], len(job["payments"])) == (1000, 1)
    await world.deliver()
    assert world.shop.statuses == ["captured"]


async def test_a_job_that_another_process_saw_paid_takes_nothing_more(world: World) -> None:
    job, payment = await world.paid()
    entry = CardEntry("4111111111111111", 12, 2029, "123")
    again = world.simulator.desk.pay_by_page(job, entry, [])
    assert [item.reference for item in again.payments] == [payment]
    assert "4111111111111111" not in repr(entry)


async def test_pressing_pay_twice_on_a_declined_card_is_one_attempt(world: World) -> None:
    created = await world.merchant.create()
    for _ in range(2):
        await world.shopper.pay(created, DECLINED, attempts="0")
    data = await world.merchant.job(created["data"]["reference"])
    assert [payment["status"] for payment in data["payments"]] == ["Declined"]


@pytest.mark.parametrize(("action", "words"), [("pay", "Payment complete"), ("cancel", "Payment cancelled")])
async def test_a_job_that_has_ended_says_so(world: World, action: str, words: str) -> None:
    created = await world.merchant.create()
    await (world.shopper.pay(created) if action == "pay" else world.shopper.press(created, "cancel"))
    shown = await world.shopper.open(created)
    assert words in shown.text
    assert "cc-number" not in shown.text
    assert "Return to Test Merchant" in shown.text


async def test_an_expired_job_says_so_and_takes_nothing(world: World) -> None:
    created = await world.merchant.create(expirationDateTimeUtc="2026-03-02T12:30:00Z")
    await world.later(minutes=31)
    assert "Payment expired" in (await world.shopper.open(created)).text
    await world.shopper.pay(created)
    data = await world.merchant.job(created["data"]["reference"])
    assert (data["paymentStatus"], data["payments"][0]["status"]) == ("Expired", "Expired")


async def test_without_return_urls_the_page_itself_ends_the_visit(world: World) -> None:
    response = await world.merchant.call("POST", "/payment-jobs", {"amountToCollect": "5", "currency": "USD"})
    created = response.json()
    paid = await world.shopper.pay(created)
    assert paid.headers["location"] == page_path(created).removeprefix("/payment")
    assert "Payment complete" in (await world.shopper.open(created)).text


@pytest.mark.parametrize("reference", ["", "0" * 96, "%00", "'--"])
async def test_an_invented_page_reference_shows_nothing(world: World, reference: str) -> None:
    assert (await world.client.get(f"/payment?ref={reference}")).status_code == 404
    assert (await world.client.post(f"/payment?ref={reference}", data={"action": "pay"})).status_code == 404


async def test_a_job_reference_is_no_page_reference(world: World) -> None:
    created = await world.merchant.create()
    assert (await world.client.get(f"/payment?ref={created['data']['reference']}")).status_code == 404


async def test_an_unknown_action_changes_nothing(world: World) -> None:
    created = await world.merchant.create()
    assert (await world.shopper.press(created, "refund")).status_code == 400
    assert (await world.jobs())[0]["status"] == "Pending"


@pytest.mark.parametrize(
    ("name", "statuses"),
    [("Luke Skywalker", ["Paid"]), ("Lando Calrissian", ["Failed"]), ("Darth Maul", ["Failed"]), ("", ["Failed"])],
)
async def test_in_the_published_scheme_the_name_decides(world: World, name: str, statuses: list[str]) -> None:
    created = await world.published.create()
    await world.shopper.pay(created, DECLINED, name=name)
    data = await world.merchant.job(created["data"]["reference"])
    assert [payment["status"] for payment in data["payments"]] == statuses


@pytest.mark.parametrize(
    ("answer", "status"), [("authenticate", "Paid"), ("fail-authentication", "Failed"), ("cancel", "Cancelled")]
)
@pytest.mark.parametrize("name", ["Han Solo", "Leia Skywalker"])
async def test_a_challenge_is_answered_on_a_page_of_its_own(world: World, name: str, answer: str, status: str) -> None:
    created = await world.published.create()
    await world.shopper.pay(created, DECLINED, name=name)
    page = await world.shopper.open(created)
    assert "cc-number" not in page.text
    assert ("banking app" in page.text) == (name == "Leia Skywalker")
    await world.shopper.pay(created, DECLINED, name="Luke Skywalker")
    assert (await world.jobs())[0]["payments"][0]["status"] == "Pending"
    await world.shopper.press(created, answer)
    await world.shopper.press(created, "authenticate")
    assert [payment["status"] for payment in (await world.jobs())[0]["payments"]] == [status]


async def test_a_zero_amount_is_verified(world: World) -> None:
    created = await world.merchant.create(amount="0.00")
    assert (await world.shopper.pay(created)).headers["location"].startswith("https://shop.example/ok")
    data = await world.merchant.job(created["data"]["reference"])
    assert (data["paymentStatus"], data["amountCollected"]) == ("Verified", "0.00")


async def test_card_numbers_and_security_codes_are_kept_nowhere(
    worlds: Worlds, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    rest = {"cardCvc": "987", "cardExpiryMonth": "1", "cardExpiryYear": "29"}
    async with worlds(ledger_path=ledger) as world:
        created = await world.merchant.create()
        await world.shopper.pay(created, DECLINED, **{"cc-csc": "987"})
        await world.shopper.pay(created, "4510 4004 0009 9005", **{"cc-csc": "987"})
        await world.merchant.create(parameters=rest | {"cardNumber": "5200400200099009"})
        await world.merchant.call("POST", "/card-tokenisation", rest | {"CardNumber": "8500182600000008"})
        kept = kept_in(tmp_path) + caplog.text.encode()
        assert b"451040****9005" in kept
        assert b"520040****9009" in kept
        for secret in (b"4000000000000002", b"4510400400099005", b"5200400200099009", b"8500182600000008", b'"987"'):
            assert secret not in kept


def kept_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
