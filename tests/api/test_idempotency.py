"""``Idempotency-Key``, as draft-ietf-httpapi-idempotency-key-header-07 has it."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from backend.api.layers.idempotency import MOST_KEPT_BYTES, final_answer
from backend.config import Settings
from backend.domain.records import Record
from backend.domain.roles import Role, new_operator_key
from backend.ports import OrderStore, StoreOutcomeUnknown, StoreUnavailable
from backend.service import answers
from backend.service.answers import PREFIX, Answer
from backend.stores.memory import MemoryStore

from .program import CREATE, Program, problem, program, token

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'
BODY = {"type": "http.response.body", "body": b"{}"}
PATH = "/api/payment/create"


async def create(here: Program, key: str | None = KEY, user: str = "alice", **changes: Any) -> httpx.Response:
    headers = here.headers(user) | ({} if key is None else {"Idempotency-Key": key})
    return await here.client.post(PATH, json=CREATE | changes, headers=headers)


async def check_out(here: Program) -> httpx.Response:
    """Without a reference of its own, so each that is worked on would be an order of its own."""
    lines = [{"name": "Entry", "quantity": 1, "unit_price": "5"}]
    cart = {"currency": "GBP", "lines": lines, "customer_email": "a@b.example", "customer_name": "T"}
    headers = here.headers() | {"Idempotency-Key": KEY}
    return await here.client.post("/api/checkout/complete", json=cart, headers=headers)


class WatchedStore(MemoryStore):
    """Keeps what was written in the open, and misbehaves on request."""

    def __init__(self) -> None:
        super().__init__()
        self.fail: Callable[[Record], None] = lambda _: None
        self.lose: Callable[[Record], None] = lambda _: None

    async def write_record(self, record: Record, expected_version: int) -> bool:
        self.fail(record)
        done = await super().write_record(record, expected_version)
        self.lose(record)
        return done

    @property
    def kept(self) -> list[dict[str, Any]]:
        return [json.loads(record.text) for record in self.disk.records.values() if record.id.startswith(PREFIX)]


def using(store: WatchedStore) -> Callable[[Settings], OrderStore]:
    return lambda _: store


def once(error: Exception) -> Callable[[Record], None]:
    """Fails the first write of a claim or an answer, and no other."""
    errors = [error]

    def check(record: Record) -> None:
        if record.id.startswith(PREFIX) and errors:
            raise errors.pop()

    return check


async def test_the_same_key_and_body_is_the_same_answer_word_for_word(here: Program) -> None:
    first, again = await create(here), await create(here)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert first.headers["content-type"] == again.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


async def test_the_answer_stays_though_the_order_went_on(here: Program) -> None:
    first = await create(here)
    told = {"status": "captured", "paymentReference": first.json()["payment_reference"], "orderReference": "TEST-001"}
    assert (await here.webhook(told)).status_code == 200
    assert (await create(here)).content == first.content
    problem(await create(here, "another-key"), 409, "order-already-paid")


async def test_a_refusal_is_an_answer_too(here: Program) -> None:
    await create(here, None)
    first, again = await create(here, amount="11.00"), await create(here, amount="11.00")
    assert problem(first, 409, "order-amount-differs") == problem(again, 409, "order-amount-differs")
    assert again.headers["idempotent-replayed"] == "true"


async def test_the_same_key_with_another_body_is_a_422_and_does_nothing(here: Program) -> None:
    first = await create(here)
    problem(await create(here, order_reference="TEST-002"), 422, "idempotency-key-reused")
    assert (await here.order("TEST-002")).status_code == 404
    assert (await create(here)).content == first.content


@pytest.mark.parametrize("store", [pytest.param(None, id="sqlite"), pytest.param(WatchedStore, id="memory")])
async def test_many_at_once_do_the_work_once_and_get_one_answer(
    tmp_path: Path, store: type[WatchedStore] | None
) -> None:
    chosen: dict[str, Any] = {} if store is None else {"store": using(store())}
    async with program(tmp_path, **chosen) as here:
        got = await asyncio.gather(*(check_out(here) for _ in range(20)))
        assert {answer.status_code for answer in got} == {200}
        assert len({answer.content for answer in got}) == 1, "without a reference each would be an order of its own"


async def test_what_is_still_in_progress_is_a_409_that_says_when_to_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PATIENCE", timedelta(0))
    store, claimed = WatchedStore(), asyncio.Event()
    store.lose = lambda _: claimed.set()
    async with program(tmp_path, store=using(store)) as here:
        await here.client.put("/sandbox/control/faults/TEST-001", json={"scripts": ["delay"]})
        slow = asyncio.create_task(create(here))
        await claimed.wait()
        again = await create(here)
        problem(again, 409, "request-in-progress")
        assert again.headers["retry-after"] == "1"
        problem(await create(here, amount="11.00"), 422, "idempotency-key-reused")
        slow.cancel()
        await asyncio.wait([slow])


MALFORMED = ["", '""', '"open', 'a"b', "a b", "a,b", '"a" "b"', "é", "x" * 256, '"a\\b"', "\x7f"]


@pytest.mark.parametrize("key", MALFORMED)
async def test_a_malformed_key_is_a_400_before_anything_is_done(here: Program, key: str) -> None:
    headers = [
        (b"authorization", here.headers()["Authorization"].encode()),
        (b"idempotency-key", key.encode("latin-1")),
    ]
    response = await here.client.post(PATH, json=CREATE, headers=headers)
    problem(response, 400, "invalid-idempotency-key")
    assert (await here.order()).status_code == 404


async def test_two_keys_are_none(here: Program) -> None:
    headers = [("authorization", here.headers()["Authorization"]), ("idempotency-key", "a"), ("idempotency-key", "b")]
    problem(await here.client.post(PATH, json=CREATE, headers=headers), 400, "invalid-idempotency-key")


@pytest.mark.parametrize(("one", "other"), [('"abc"', "abc"), ('"a\\"b"', '"a\\"b"'), ("x" * 255, f'"{"x" * 255}"')])
async def test_quoted_and_bare_are_one_key(here: Program, one: str, other: str) -> None:
    assert (await create(here, one)).content == (await create(here, other)).content
    problem(await create(here, other, amount="11.00"), 422, "idempotency-key-reused")


async def test_a_card_number_as_a_key_is_refused_and_a_uuid_is_none(here: Program) -> None:
    answer = await create(here, "4111-1111-1111-1111")
    problem(answer, 422, "invalid-request")
    assert "1111" not in answer.text
    assert (await create(here, "41111111-1111-1111-8888-abcdefabcdef")).status_code == 200


async def test_a_key_belongs_to_its_caller_and_its_address(tmp_path: Path) -> None:
    key, entry = new_operator_key("alice", Role.ADMIN)
    async with program(tmp_path, operator_keys=entry) as here:
        await create(here)
        problem(await create(here, user="mallory"), 409, "order-of-another-customer")
        operator = {"Authorization": f"Bearer {key}", "Idempotency-Key": KEY}
        problem(await here.client.post(PATH, json=CREATE, headers=operator), 403, "customers-only")
        resumed = await here.client.post("/api/operator/gateways/cashflows/resume", headers=operator)
        assert resumed.status_code == 200


async def test_a_new_token_of_the_same_caller_may_ask_again(here: Program) -> None:
    headers = {"Authorization": f"Bearer {token(jti='other')}", "Idempotency-Key": KEY}
    first = await create(here)
    assert (await here.client.post(PATH, json=CREATE, headers=headers)).content == first.content


async def test_what_asks_for_another_try_is_worked_on_again(here: Program) -> None:
    await here.client.put("/sandbox/control/faults/TEST-001", json={"scripts": ["error-503-before"]})
    first = await create(here)
    assert first.status_code in (502, 503)
    again = await create(here)
    assert again.status_code == 200
    assert "idempotent-replayed" not in again.headers


@pytest.mark.parametrize(
    ("status", "headers", "is_kept"),
    [
        (200, {}, True),
        (201, {}, True),
        (202, {}, True),
        (400, {}, True),
        (404, {}, True),
        (409, {}, True),
        (422, {}, True),
        (409, {"Retry-After": "1"}, False),
        (401, {}, False),
        (403, {}, False),
        (408, {}, False),
        (413, {}, False),
        (415, {}, False),
        (429, {}, False),
        (500, {}, False),
        (502, {}, False),
        (503, {}, False),
    ],
)
def test_what_was_decided_is_kept_and_what_asks_for_another_try_is_not(
    status: int, headers: dict[str, str], is_kept: bool
) -> None:
    raw = Headers({"Content-Type": "application/json", **headers}).raw
    answer = final_answer([{"type": "http.response.start", "status": status, "headers": raw}, BODY])
    assert answer == (Answer(status, "application/json", "{}") if is_kept else None)


def test_an_answer_that_is_too_long_or_none_is_not_kept() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": []}
    assert final_answer([start, BODY | {"body": b"x" * (MOST_KEPT_BYTES + 1)}]) is None
    assert final_answer([]) is None


async def test_without_a_token_a_key_says_nothing(here: Program) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic x"}):
        answer = await here.client.post(PATH, json=CREATE, headers={**headers, "Idempotency-Key": KEY})
        problem(answer, 401, "not-authenticated")


async def test_an_answer_is_kept_for_a_day_with_digests_instead_of_names(tmp_path: Path) -> None:
    store = WatchedStore()
    async with program(tmp_path, store=using(store)) as here:
        answer = await create(here)
        (record,) = store.disk.records.values()
        assert record.expires_at is not None
        placed = datetime.fromisoformat((await here.order()).json()["placed_at"])
        assert record.expires_at >= placed + timedelta(hours=24)
        (kept,) = store.kept
        assert set(kept) == {"request", "status", "type", "body"}
        assert json.loads(kept["body"]) == answer.json()
        for personal in ("test@example.com", "Test User", "alice", KEY.strip('"')):
            assert personal not in record.text + record.id


async def test_a_claim_whose_process_died_is_taken_over(tmp_path: Path) -> None:
    """The process dies between the order's payment page and the answer under the key."""
    store = WatchedStore()

    def die(record: Record) -> None:
        if '"status"' in record.text:
            raise asyncio.CancelledError

    async with program(tmp_path, store=using(store), gateway_timeout_seconds=0.2) as here:
        store.fail = die
        with pytest.raises(asyncio.CancelledError):
            await create(here)
        store.fail = lambda _: None
        assert "claim" in store.kept[0]
        again = await create(here)
        assert again.status_code == 200, "the claim ran out after four deadlines of the gateway, while this waited"
        assert (await create(here)).content == again.content
        jobs = (await here.client.get("/api/orders/TEST-001", headers=here.headers())).json()["payments"]
        assert len(jobs) == 1


async def test_a_claim_that_the_store_cannot_confirm_is_looked_up(tmp_path: Path) -> None:
    for lost in ("fail", "lose"):
        store = WatchedStore()
        setattr(store, lost, once(StoreOutcomeUnknown("no answer")))
        async with program(tmp_path / lost, store=using(store)) as here:
            first = await create(here)
            assert first.status_code == 200
            assert (await create(here)).content == first.content


async def test_without_the_store_nothing_is_acknowledged(tmp_path: Path) -> None:
    store = WatchedStore()
    store.fail = once(StoreUnavailable("away"))
    async with program(tmp_path, store=using(store)) as here:
        problem(await create(here), 503, "store-unavailable")
        assert (await create(here)).status_code == 200


def no_answers(record: Record) -> None:
    """The store is away whenever an answer is to be kept."""
    if '"status"' in record.text:
        raise StoreUnavailable("away")


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(tmp_path: Path) -> None:
    store = WatchedStore()
    store.fail = no_answers
    async with program(tmp_path, store=using(store), gateway_timeout_seconds=0.2) as here:
        first = await create(here)
        assert first.status_code == 200
        assert (await create(here)).json() == first.json(), "done again, to the same end"


async def test_what_is_over_a_day_old_is_forgotten_though_it_was_not_swept(tmp_path: Path) -> None:
    store = WatchedStore()
    async with program(tmp_path, store=using(store)) as here:
        await create(here)
        (record,) = store.disk.records.values()
        assert record.expires_at is not None
        over = Record(record.id, record.text, record.version, record.expires_at - timedelta(hours=24))
        store.disk.records[record.id] = over
        problem(await create(here, amount="11.00"), 409, "order-amount-differs")


async def test_work_done_again_after_a_crash_is_the_same_order_though_it_named_none(tmp_path: Path) -> None:
    store = WatchedStore()
    store.fail = no_answers
    async with program(tmp_path, store=using(store), gateway_timeout_seconds=0.2) as here:
        first, again = await check_out(here), await check_out(here)
        assert first.json() == again.json()
        assert len(store.disk.orders) == 1


async def test_a_key_holds_over_processes(tmp_path: Path, shared: dict[str, Any]) -> None:
    async with program(tmp_path, **shared) as one, program(tmp_path, **shared) as two:
        got = await asyncio.gather(*(check_out(here) for here in (one, two) * 5))
    assert {answer.status_code for answer in got} == {200}
    assert len({answer.content for answer in got}) == 1
