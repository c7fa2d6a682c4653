"""What ships for running it elsewhere holds up as far as it can be shown without a container engine."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import yaml

from backend.config import Settings

from .compose import SCHEMA
from .example import DEPLOY, ROOT, missing, prepared

GREETING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def test_the_dockerfile_has_no_finding() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        missing("hadolint, which has no wheel for this machine,")
    done = subprocess.run([hadolint, "--no-fail", "-f", "json", DEPLOY / "Dockerfile"], capture_output=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_image_holds_no_settings() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    for name in " ".join(copied).split():
        assert f"!{name}" in ignored
        assert (ROOT / name).exists()


def test_the_compose_file_is_valid() -> None:
    if not SCHEMA.path.is_file():
        missing("the schema of Compose files (python -m tests.deploy.compose)")
    schema = json.loads(SCHEMA.path.read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    assert list(validator.iter_errors(compose())) == []
    assert list(validator.iter_errors(compose() | {"services": {"backend": {"imagine": 1}}}))


def test_the_compose_file_sets_settings_that_exist_and_publishes_nothing_to_the_world() -> None:
    services = compose()["services"]
    known = {name.upper() for name in Settings.model_fields}
    for service in services.values():
        assert set(service.get("environment", {})) <= known
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    settings = {name.lower(): value for name, value in services["backend"]["environment"].items()}
    assert Settings(_env_file=None, **settings).worker == "off"
    grace = int(services["backend"]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings(_env_file=None).shutdown_timeout_seconds


@asynccontextmanager
async def nginx(folder: Path, upstream: int) -> AsyncIterator[httpx.AsyncClient]:
    """The example's server in front of ``upstream``, with a certificate made for the occasion."""
    command, port = await asyncio.to_thread(prepared, folder, upstream)
    running = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    try:
        transport = httpx.AsyncHTTPTransport(verify=False, retries=8)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://127.0.0.1:{port}") as client:
            yield client
    finally:
        running.terminate()
        await running.wait()


async def test_behind_nginx_the_client_cannot_choose_its_address(tmp_path: Path) -> None:
    heads: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(GREETING)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with nginx(tmp_path, port) as client:
            spoofed = {"Host": "payments.example.com", "X-Forwarded-For": "203.0.113.7"}
            assert (await client.get("/api/orders/A", headers=spoofed)).text == "ok"
            assert (await client.get("/metrics", headers=spoofed)).status_code == 404
            too_long = await client.post("/api/payment/create", content=b"x" * 70_000)
            assert too_long.status_code == 413
    (head,) = heads
    assert "x-forwarded-for: 127.0.0.1\r\n" in head
    assert "203.0.113.7" not in head
    assert "host: payments.example.com\r\n" in head
