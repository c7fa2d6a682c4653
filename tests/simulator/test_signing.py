import hashlib
import hmac
import json

import pytest

from backend.simulator import SimulatorSettings
from backend.simulator.signing import Scheme, hash_hmac, hash_sha512, same_hash, scheme_of_hash, sign_webhook

from .conftest import Worlds
from .world import World, error_code

BODY = b'{"amountToCollect":"10.00","currency":"GBP"}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            BODY,
            "EECE4BA88477352369926B91ACFD1E64CDD96558D4BF98D937FF637E98C42A95"
            "56033D85CF5BAA2D33471B0B602E52A2A033A2ED6CC1552BAE042E67B027CC31",
        ),
        (
            b"",
            "BD2B1AAF7EF4F09BE9F52CE2D8D599674D81AA9D6A4421696DC4D93DD0619D68"
            "2CE56B4D64A9EF097761CED99E0F67265B5F76085E5B0EE7CA4696B2AD6FE2B2",
        ),
    ],
)
def test_sha512_vectors_of_the_manual(body: bytes, expected: str) -> None:
    assert hash_sha512("secret", body) == expected


def test_hmac_covers_the_secret_and_then_the_body() -> None:
    assert hash_hmac("s", b"body") == hmac.new(b"s", b"sbody", hashlib.sha256).hexdigest()
    assert hash_hmac("s", b"") == hmac.new(b"s", b"s", hashlib.sha256).hexdigest()
    assert sign_webhook("w", b"body") == hmac.new(b"w", b"body", hashlib.sha256).hexdigest()


def test_the_length_of_the_hash_tells_the_scheme() -> None:
    assert scheme_of_hash("a" * 64) is Scheme.HMAC_SHA256
    assert scheme_of_hash("A" * 128) is Scheme.SHA512
    assert scheme_of_hash("g" * 64) is None
    assert scheme_of_hash("a" * 63) is None
    assert same_hash("AbCd", "aBcD")
    assert not same_hash("abcd", "abce")


@pytest.mark.parametrize("case", [str.upper, str.lower])
@pytest.mark.parametrize("scheme", ["hmac-sha256", "sha512"])
async def test_hex_of_either_case_is_accepted(world: World, scheme: str, case: type[str]) -> None:
    world.merchant.scheme = scheme
    body = json.dumps(world.merchant.create_body()).encode()
    response = await world.merchant.call(
        "POST", "/payment-jobs", body, headers={"Hash": case(world.merchant.hash(body))}
    )
    assert response.status_code == 201


async def test_either_live_key_is_accepted_and_no_other(worlds: Worlds) -> None:
    async with worlds(api_key="old", api_key_2="new") as world:
        for key, status in (("old", 404), ("new", 404), ("older", 401)):
            hashed = hashlib.sha512(key.encode()).hexdigest()
            response = await world.merchant.call("GET", "/payment-jobs/0", headers={"Hash": hashed})
            assert response.status_code == status


@pytest.mark.parametrize(
    "wrong",
    [
        {"Hash": "0" * 64},
        {"Hash": "0" * 128},
        {"Hash": "0"},
        {"Hash": ""},
        {"Hash": "é" * 64},
        {"Hash": hashlib.sha512(b"simulator-api-key").hexdigest()},
        {"ConfigurationId": ""},
    ],
)
async def test_a_wrong_hash_is_refused_and_does_nothing(world: World, wrong: dict[str, str]) -> None:
    encoded = {name: value.encode("latin-1") for name, value in wrong.items()}
    response = await world.merchant.call("POST", "/payment-jobs", world.merchant.create_body(), headers=encoded)  # type: ignore[arg-type]
    assert response.status_code == 401
    assert response.json()["errorReport"]["isFatalError"] is True
    assert await world.jobs() == []


async def test_key_and_body_in_the_wrong_order_are_refused(world: World) -> None:
    settings = SimulatorSettings()
    body = json.dumps(world.merchant.create_body()).encode()
    swapped = [
        hashlib.sha512(body + settings.api_key.encode()).hexdigest(),
        hmac.new(settings.api_secret.encode(), body + settings.api_secret.encode(), hashlib.sha256).hexdigest(),
        hmac.new(settings.api_secret.encode(), body, hashlib.sha256).hexdigest(),
    ]
    for value in swapped:
        response = await world.merchant.call("POST", "/payment-jobs", body, headers={"Hash": value})
        assert response.status_code == 401


async def test_an_unknown_configuration_is_not_found(world: World) -> None:
    job = (await world.merchant.create())["data"]["reference"]
    response = await world.merchant.call("GET", f"/payment-jobs/{job}", headers={"ConfigurationId": "1"})
    assert (response.status_code, error_code(response)) == (404, "RecordNotFound")


async def test_a_second_scheme_may_read_what_the_first_created(world: World) -> None:
    created = await world.merchant.create()
    assert (await world.published.job(created["data"]["reference"]))["paymentStatus"] == "Pending"


def test_empty_credentials_are_no_credentials() -> None:
    with pytest.raises(ValueError, match="api_secret"):
        SimulatorSettings(api_secret="")
