"""The example's nginx, made to run on this machine."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.bench.servers import free_port

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"


def missing(what: str) -> None:
    if os.environ.get("REQUIRE_DEPLOY") == "1":
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed")


def prepared(folder: Path, upstream: int) -> tuple[list[str], int]:
    """The command that starts it in front of ``upstream``, with a certificate of its own, and its port for TLS."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        missing("nginx")
    assert program is not None
    subject = ["-subj", "/CN=payments.example.com", "-keyout", "privkey.pem", "-out", "fullchain.pem"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject]
    subprocess.run(make, cwd=folder, check=True, capture_output=True)
    plain, tls = free_port(), free_port()
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ", f"listen 127.0.0.1:{tls} "),
        ("127.0.0.1:8001 ", f"127.0.0.1:{upstream} "),
        ("/etc/ssl/payments/", f"{folder}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    paths = " ".join(f"{each}_temp_path {folder};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = f"pid {folder}/pid; error_log stderr; daemon off; events {{}} http {{ access_log off; {paths}\n{text}\n}}\n"
    (folder / "nginx.conf").write_text(whole, encoding="utf-8")
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    return command, tls
