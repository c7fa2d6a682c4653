"""Clients that nobody here wrote, over a real socket: what their habits put on the wire, byte by byte.

The habits are those of published PHP, Ruby, TypeScript and JavaScript clients. Requests are written out by hand, so
that no library of ours smooths anything.
"""

import hashlib
import hmac
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from .test_program import SETTINGS, running

JOBS = "/api/gateway/payment-jobs"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
MINIMAL: dict[str, Any] = {"amountToCollect": "10.00", "currency": "GBP", "locale": "en_GB"}


@dataclass(frozen=True)
class Answer:
    status: int
    document: Any

    @property
    def data(self) -> Any:
        return self.document["data"]


@dataclass(frozen=True)
class Client:
    """Writes HTTP/1.1 by hand, with header names and hashes exactly as given."""

    address: tuple[str, int]
    scheme: str

    def hash(self, body: bytes, key: str | None = None) -> str:
        if self.scheme == "sha512":
            return hashlib.sha512((key or SETTINGS.api_key).encode() + body).hexdigest().upper()
        secret = SETTINGS.api_secret.encode()
        return hmac.new(secret, secret + body, hashlib.sha256).hexdigest()

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """``headers`` replace the usual ones; no header is added but Host, Connection and, with a body, its length."""
        given = headers if headers is not None else self.signed(body)
        lines = [f"{method} {path} HTTP/1.1", "Host: gateway-int.example", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in given.items()]
        if body and not any(name.lower() == "transfer-encoding" for name in given):
            lines.append(f"Content-Length: {len(body)}")
        return self.exchange("\r\n".join([*lines, "", ""]).encode() + body)

    def signed(self, body: bytes) -> dict[str, str]:
        content = {"Content-Type": "application/json"} if body else {}
        return {"ConfigurationId": SETTINGS.configuration_id, "Hash": self.hash(body), **content}

    def exchange(self, request: bytes) -> Answer:
        with socket.create_connection(self.address, timeout=20) as connection:
            connection.sendall(request)
            reply = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = reply.removeprefix(GO_ON).partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head.lower():
            raise AssertionError("the reply's length is told")
        return Answer(int(head.split()[1]), json.loads(body) if body else None)

    def create(self, **changes: Any) -> Answer:
        return self.send("POST", JOBS, json.dumps(MINIMAL | changes).encode())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with running(tmp_path_factory.mktemp("simulator")) as program:
        parts = urlsplit(program.base)
        yield str(parts.hostname), int(parts.port or 0)


@pytest.fixture(params=["hmac-sha256", "sha512"])
def client(request: pytest.FixtureRequest, address: tuple[str, int]) -> Client:
    return Client(address, request.param)


@pytest.mark.parametrize("case", [str.upper, str.lower, str.swapcase])
def test_the_hash_may_be_written_in_either_case(client: Client, case: Any) -> None:
    body = json.dumps(MINIMAL).encode()
    headers = client.signed(body) | {"Hash": case(client.hash(body))}
    assert client.send("POST", JOBS, body, headers).status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json-patch+json",
        "text/json",
        "application/vnd.shop+json",
    ],
)
def test_the_content_type_may_name_a_charset(client: Client, content_type: str) -> None:
    body = json.dumps(MINIMAL).encode()
    assert client.send("POST", JOBS, body, client.signed(body) | {"Content-Type": content_type}).status == 201


def test_a_body_without_a_content_type_is_read_all_the_same(client: Client) -> None:
    body = json.dumps(MINIMAL).encode()
    headers = {"ConfigurationId": SETTINGS.configuration_id, "Hash": client.hash(body)}
    assert client.send("POST", JOBS, body, headers).status == 201


@pytest.mark.parametrize("first", [str.upper, str.lower])
def test_parameter_keys_may_be_pascal_or_camel_case(client: Client, first: Any) -> None:
    names = ("returnUrlSuccess", "returnUrlFailed", "returnUrlCancelled")
    parameters = {first(name[0]) + name[1:]: f"https://shop.example/{name}" for name in names}
    parameters[first("w") + "ebhookUrl"] = "https://shop.example/hook"
    created = client.create(parameters=parameters)
    assert created.status == 201
    told = created.data["payments"][0]["attributes"]
    for name in names:
        assert told[name].startswith(f"https://shop.example/{name}")
    assert created.data["attributes"]["webhookUrl"] == "https://shop.example/hook"


def test_member_names_may_be_in_pascal_case_throughout(client: Client) -> None:
    body = json.dumps(
        {"AmountToCollect": 10, "Currency": "GBP", "Order": {"OrderNumber": "A-1", "OrderLines": [{"Name": "Entry"}]}}
    ).encode()
    created = client.send("POST", JOBS, body)
    assert created.status == 201
    assert created.data["order"]["orderNumber"] == "A-1"


@pytest.mark.parametrize(
    ("amount", "told"),
    [("10", "10.00"), ("19.99", "19.99"), (10.5, "10.50"), (10, "10.00"), ("10.5", "10.50"), ("0.00", "0.00")],
)
def test_amounts_come_as_text_or_as_numbers(client: Client, amount: Any, told: str) -> None:
    created = client.create(amountToCollect=amount)
    assert (created.status, created.data["amountToCollect"]) == (201, told)


@pytest.mark.parametrize("path", [f"{JOBS}/", f"{JOBS}?locale=en_GB", f"{JOBS}/?locale=nl_NL"])
def test_a_trailing_slash_and_a_query_make_no_difference(client: Client, path: str) -> None:
    created = client.send("POST", path, json.dumps(MINIMAL).encode())
    assert created.status == 201
    job = f"{JOBS}/{created.data['reference']}"
    payment = f"{job}/payments/{created.data['payments'][0]['reference']}"
    for read in (job, f"{job}/", payment, f"{payment}/"):
        assert client.send("GET", read).status == 200


def test_a_read_has_no_body_and_hashes_the_key_alone(client: Client) -> None:
    reference = client.create().data["reference"]
    alone = {"ConfigurationId": SETTINGS.configuration_id, "Hash": client.hash(b"")}
    read = client.send("GET", f"{JOBS}/{reference}", headers=alone)
    assert (read.status, read.data["reference"]) == (200, reference)
    with_type = alone | {"Content-Type": "application/json", "Content-Length": "0"}
    assert client.send("GET", f"{JOBS}/{reference}", headers=with_type).status == 200
    assert client.send("PATCH", f"{JOBS}/{reference}/cancel", headers=with_type).status == 200
    methods = client.send("GET", "/api/gateway/supported-payment-methods?collectAmount=10&currency=GBP", headers=alone)
    assert methods.status == 200


@pytest.mark.parametrize("case", [str.upper, str.lower, str.title])
def test_header_names_may_be_in_any_case(client: Client, case: Any) -> None:
    body = json.dumps(MINIMAL).encode()
    headers = {case(name): value for name, value in client.signed(body).items()}
    assert client.send("POST", JOBS, body, headers).status == 201


def test_what_is_hashed_is_what_was_sent_however_it_is_written(client: Client) -> None:
    order = {"orderNumber": "2019-03-18/1001", "note": "Zoë “Quill” \u2603"}
    for written in (
        json.dumps(MINIMAL | {"order": order}, indent=4),
        json.dumps(MINIMAL | {"order": order}, ensure_ascii=False).replace("/", "\\/"),
        " \n" + json.dumps(MINIMAL | {"order": order}, separators=(",", ":")) + "\r\n",
    ):
        created = client.send("POST", JOBS, written.encode())
        assert created.status == 201
        assert created.data["order"]["orderNumber"] == order["orderNumber"]


def test_a_body_may_come_in_chunks(client: Client) -> None:
    body = json.dumps(MINIMAL).encode()
    chunks = [body[:7], body[7:]]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    assert client.send("POST", JOBS, sent, client.signed(body) | {"Transfer-Encoding": "chunked"}).status == 201


def test_curl_asks_whether_it_may_go_on(client: Client) -> None:
    """As PHP's curl does with a body that is not small: the interim answer is one more status line."""
    body = json.dumps(MINIMAL | {"displayUrl": "https://shop.example/" + "x" * 1500}).encode()
    assert client.send("POST", JOBS, body, client.signed(body) | {"Expect": "100-continue"}).status == 201


def test_what_the_documented_samples_send_is_taken(client: Client) -> None:
    created = client.create(
        type="Payment",
        paymentMethodsToUse=["creditcard"],
        options=["StoreCustomerInformation"],
        order={
            "orderNumber": "Payment ref M1",
            "billingIdentity": {"emailAddress": "test@example.com"},
            "billingAddress": {"AddressLine1": "1 High Street", "ZipCode": "SW1A 1AA", "countryIso3166Alpha2": "GB"},
            "orderLines": [{"name": "Entry", "quantity": "2", "unitPriceInclVat": "5.00"}],
        },
        metadata={"unknown": "members do no harm"},
    )
    assert created.status == 201
    assert created.data["paymentMethodsToUse"] == ["Card"]


def test_the_second_live_key_signs_as_well_as_the_first(address: tuple[str, int]) -> None:
    client = Client(address, "sha512")
    body = json.dumps(MINIMAL).encode()
    for key, status in ((SETTINGS.api_key_2, 201), ("another", 401)):
        assert client.send("POST", JOBS, body, client.signed(body) | {"Hash": client.hash(body, key)}).status == status


def test_a_mistake_is_told_in_the_envelope_that_clients_read(client: Client) -> None:
    for changes in ({"currency": "XXXX"}, {"amountToCollect": "1,234.50"}, {"amountToCollect": "-1"}):
        refused = client.create(**changes)
        assert refused.status == 400
        error = refused.document["errorReport"]["errors"][0]
        assert error["code"]
        assert error["message"]
