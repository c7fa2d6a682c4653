"""A certificate that is not the gateway's: the call fails before a byte of it is sent."""

import asyncio
import shutil
import ssl
import subprocess
from contextlib import aclosing
from pathlib import Path

import pytest

from backend.gateways.exchange import NothingSent
from backend.gateways.http import GatewayHttp
from backend.gateways.network import Network


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A server's side of TLS that nobody vouches for."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("making a certificate needs the openssl command")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [openssl, *made, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_that_is_not_the_gateways_sends_nothing(self_signed: ssl.SSLContext) -> None:
    received: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1))
        writer.close()

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the handshake that fails is the point
    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=self_signed)
    async with listening, aclosing(Network()) as network:
        url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        with pytest.raises(NothingSent):
            await GatewayHttp(network, deadline_seconds=5).send("POST", url, body=b"{}", headers={})
    assert not any(received)
