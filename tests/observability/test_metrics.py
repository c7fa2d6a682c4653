"""What Prometheus reads: counted by outcome, read from the store, and for nobody but those it is meant for."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.program import Program, problem, program, token


async def samples(shop: Program, **headers: str) -> dict[str, float]:
    """``name{label="value"}`` to value."""
    answer = await shop.client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_requests_orders_and_gateway_calls_are_counted(here: Program) -> None:
    await here.create()
    await here.create(order_reference="TEST-002")
    await here.create(order_reference="TEST-002", amount=11)
    told = await samples(here)
    create = "backend_request_seconds_count{method=POST,route=/api/payment/create,status="
    assert (told[create + "200}"], told[create + "409}"]) == (2, 1)
    assert told["backend_orders{status=pending}"] == 2
    assert told["backend_orders{status=paid}"] == 0
    assert told["backend_gateway_call_seconds_count{gateway=cashflows,method=POST,outcome=2xx}"] == 2
    assert told["backend_gateway_suspended{gateway=cashflows}"] == 0
    assert told["backend_lag_seconds{work=delivery}"] == 0
    assert told["backend_lag_seconds{work=look}"] == 0


async def test_statuses_that_nobody_knows_are_counted_and_shown(here: Program) -> None:
    created = await here.create()
    arm = {"scripts": ["unknown-status.read", "lost-webhook"]}
    assert (await here.client.put("/sandbox/control/faults/TEST-001", json=arm)).is_success
    job = created.json()["payment_job_reference"]
    assert (await here.client.post(f"/sandbox/control/jobs/{job}/pay")).is_success
    operator = {"Authorization": f"Bearer {token('operator', is_admin=True)}"}
    looked = await here.client.post("/api/operator/orders/TEST-001/check", headers=operator)
    assert looked.is_success, looked.text
    assert (await samples(here))["backend_unknown_statuses_total{gateway=cashflows}"] >= 1
    shown = await here.client.get("/api/operator/orders/TEST-001", headers=operator)
    assert "“Quarantined” at the gateway" in shown.text
    assert "until a known status comes it counts as not paid" in shown.text


async def test_no_label_holds_what_a_caller_made_up(here: Program) -> None:
    await here.client.get("/no/such/page-CANARY")
    await here.client.request("CANARY", "/healthz")
    await here.order("CANARY")
    told = await samples(here)
    assert not [name for name in told if "CANARY" in name]


@pytest.mark.parametrize("mark", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_whoever_comes_through_a_proxy_may_not_read_them(here: Program, mark: str) -> None:
    answer = await here.client.get("/metrics", headers={mark: "127.0.0.1"})
    problem(answer, 403, "not-allowed")


async def test_with_a_token_only_its_holder_may(tmp_path: Path) -> None:
    async with program(tmp_path, metrics_token="scrape-me") as shop:
        problem(await shop.client.get("/metrics"), 403, "not-allowed")
        wrong = await shop.client.get("/metrics", headers={"Authorization": "Bearer scrape"})
        problem(wrong, 403, "not-allowed")
        assert await samples(shop, **{"Authorization": "Bearer scrape-me", "X-Forwarded-For": "192.0.2.1"})
