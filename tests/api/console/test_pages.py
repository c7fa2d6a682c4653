"""What the pages show and what their forms do."""

import json
import re

from backend.domain.roles import Role

from .conftest import Console

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"&{{7*7}}"


async def test_the_first_page_shows_what_needs_a_person_the_money_first(console: Console) -> None:
    await console.desk.pay()
    payment = (await console.desk.order())["jobs"][0]["payments"][0]["payment_reference"]
    await console.program.webhook(
        {"event": "payment.captured", "status": "captured", "paymentReference": payment, "orderReference": "NONE"}
    )
    await console.program.webhook(b'{"nonsense": true}')
    await console.sign_in()
    text = await console.text()
    assert "Mock mode: payments are simulated" in text
    assert text.index("Money at risk") < text.index("Orders that a person must look at") < text.index("Webhooks kept")
    assert "it cannot be read" in text
    assert "<svg" in text


async def test_an_order_is_found_by_reference_email_and_gateway_reference(console: Console) -> None:
    told = await console.desk.pay()
    await console.sign_in(Role.VIEWER)
    for asked in ("TEST-001", "test@EXAMPLE.com", told["jobs"][0]["job_reference"]):
        assert 'href="/console/orders/TEST-001"' in (await console.get(f"/orders?q={asked}")).text
    assert "No order fits" in await console.text("/orders?q=OTHER")
    assert "No order fits" in await console.text("/orders?status=pending")
    assert (await console.get("/orders?status=nonsense")).status_code == 400
    card = await console.get("/orders?q=4111111111111111")
    assert (card.status_code, "4111111111111111" in card.text) == (400, False)


async def test_an_order_is_explained_with_its_timeline_and_evidence(console: Console) -> None:
    await console.desk.pay()
    await console.sign_in(Role.VIEWER)
    text = await console.text("/orders/TEST-001")
    for words in (
        "In words",
        "Order TEST-001 for 100.00 GBP",
        "payment observed",
        "The gateway says",
        "pending → paid",
    ):
        assert words in text
    history = (await console.desk.order())["history"]
    numbers = re.findall(r'<li value="(\d+)"', (await console.get("/orders/TEST-001")).text)
    assert numbers == [str(entry["number"]) for entry in reversed(history)], "the latest first, by its own number"
    assert "What may be done" not in text, "a viewer only looks"


async def test_a_refund_asks_for_a_reason_and_a_double_click_is_one_refund(console: Console) -> None:
    await console.desk.pay()
    await console.sign_in(Role.REFUNDER)
    without = await console.refund(reason=" ")
    assert (without.status_code, "give a reason" in without.text) == (422, True)
    first, second = await console.refund(amount="30.00"), await console.refund(amount="30.00")
    assert first.status_code == second.status_code == 303
    order = await console.desk.order()
    assert [(each["asked_by"], each["reason"], each["amount"]) for each in order["operations"]] == [
        ("ruth", "sent back", "30.00")
    ]
    assert "It is recorded" in await console.text(first.headers["location"].removeprefix("/console"))
    other = await console.refund(amount="31.00")
    assert other.status_code == 409
    assert 'role="alert"' in other.text
    assert (await console.refund(2, amount="80.00")).status_code == 409
    assert (await console.refund(2, amount="1.234")).status_code == 422


async def test_a_viewer_can_change_nothing(console: Console) -> None:
    await console.desk.pay()
    before = await console.desk.order()
    await console.sign_in(Role.VIEWER)
    for what in ("operations", "check", "cancel", "reinstate", "attention"):
        answer = await console.act(what, reason="because", kind="refund", number="1")
        assert answer.status_code == 403
        assert "Another role is needed" in answer.text
    assert await console.desk.order() == before


async def test_a_refunder_cannot_decide_what_is_an_admins(console: Console) -> None:
    await console.desk.pay()
    await console.sign_in(Role.REFUNDER)
    for what in ("cancel", "reinstate", "attention", "operations/1/carried-out"):
        assert (await console.act(what, reason="because")).status_code == 403, what


async def test_an_order_is_cancelled_and_wanted_again_and_asked_about(console: Console) -> None:
    await console.program.create()
    await console.sign_in()
    assert (await console.act("check")).status_code == 303
    assert (await console.act("cancel", reason="not wanted")).status_code == 303
    assert (await console.desk.order())["is_cancelled"] is True
    assert "Reinstate the order" in await console.text("/orders/TEST-001")
    assert (await console.act("reinstate", reason="wanted")).status_code == 303
    assert (await console.act("attention", code="none", detail="none", reason="seen")).status_code == 409
    assert (await console.act("operations/1/nonsense", reason="seen")).status_code == 422
    assert (await console.act("operations/7/abandon", reason="seen")).status_code == 409
    assert (await console.act("notifications/7")).status_code in (404, 409)
    assert (await console.act("check", "NOBODYS")).status_code == 404


async def test_a_delivery_is_shown_replayed_and_tried_dry(console: Console) -> None:
    await console.desk.pay()
    await console.sign_in(Role.REFUNDER)
    found = re.search(r'href="/console(/deliveries/mock/[^"]+)"', await console.text("/deliveries"))
    assert found
    assert '"orderReference"' in await console.text(found[1])
    dry = await console.post(f"{found[1]}/replay", how="dry-run")
    assert "Dry run, nothing was changed: nothing: order TEST-001 knows it already" in dry.text
    assert (await console.post(f"{found[1]}/replay", how="replay")).status_code == 303
    assert "worked through again" in await console.text(f"{found[1]}?done=1")
    assert (await console.get("/deliveries/mock/cashflows/none")).status_code == 404


async def test_text_from_customers_and_gateways_is_only_ever_text(console: Console) -> None:
    await console.program.create(customer_name=HOSTILE, description=HOSTILE)
    await console.program.webhook(json.dumps({"event": HOSTILE, "orderReference": HOSTILE}).encode())
    await console.sign_in()
    pages = [(await console.get(path)).text for path in ("", "/orders", "/orders/TEST-001", "/deliveries")]
    pages.append((await console.client.get("/console/orders", params={"q": HOSTILE})).text)
    deliveries = re.findall(r'href="/console(/deliveries/mock/[^"]+)"', pages[3])
    assert deliveries
    pages += [(await console.get(path)).text for path in deliveries]
    for text in pages:
        assert "<script" not in text
        assert "<img" not in text
        assert "onerror=alert(1)>" not in text


async def test_script_in_any_field_that_can_be_written_is_only_ever_text(console: Console) -> None:
    """By customers in every field that the API takes, in a token, and by operators in every reason."""
    order = {
        "order_reference": "TEST-002",
        "currency": "GBP",
        "customer_email": "<script>alert(1)</script>@example.com",
        "customer_name": HOSTILE,
        "customer_phone": "<img src=x onerror=",
        "billing_address": dict.fromkeys(("line_1", "line_2", "city", "state"), HOSTILE) | {"postcode": "<script>"},
        "description": HOSTILE,
        "lines": [{"name": HOSTILE, "sku": "<script>alert(1)</script>", "quantity": 1, "unit_price": "1.00"}],
    }
    mallory = console.program.headers(HOSTILE)
    answer = await console.client.post("/api/checkout/complete", json=order, headers=mallory)
    assert answer.status_code == 200, answer.text
    await console.desk.pay()
    await console.desk.ask("refund", amount="1.00", reason=HOSTILE)
    for what in ("cancel", "reinstate"):
        answer = await console.desk.post(f"orders/TEST-002/{what}", {"reason": HOSTILE})
        assert answer.status_code == 200, answer.text
    await console.program.webhook({"status": HOSTILE[:32], "paymentReference": "1", "orderReference": "TEST-002"})
    await console.sign_in()
    pages = ["", "/orders", "/orders/TEST-001", "/orders/TEST-002", "/deliveries"]
    shown = "".join([(await console.get(path)).text for path in pages])
    assert "&lt;script" in shown
    for markup in ("<script", "<img", "onerror=alert(1)>"):
        assert markup not in shown
