"""Calls the running program as its description says, and not: as a customer, as an operator and as nobody.

    python -m tests.api.described.run --examples 200

Every kind of caller gets a program of its own, over real HTTP, in mock mode on an embedded store, with an order that is
paid, one that is open, and a delivery.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.domain.roles import Role, new_operator_key
from tests.program.host import Backend, Host, copy_project
from tests.program.shop import Shop, customer_token, pay

HERE: Final = Path(__file__).parent
CALLERS: Final = ("nobody", "customer", "operator", "shop")
PHASES: Final = "examples,coverage,fuzzing,stateful"
LONGEST_SECONDS: Final = 3600
KEYS: Final = {role: new_operator_key(f"{role}-anna", role) for role in (Role.ADMIN, Role.SERVICE)}

SETTINGS: Final[Mapping[str, str]] = {
    "OPERATOR_KEYS": ",".join(entry for _, entry in KEYS.values()),
    "RATE_LIMIT_USER": "0",
    "RATE_LIMIT_ADDRESS": "0",
    "RATE_LIMIT_WEBHOOKS": "0",
    "LOG_LEVEL": "ERROR",
}


@dataclass(frozen=True)
class Verdict:
    """What Schemathesis says, and how it ended: 0 is no failure."""

    code: int
    told: str


def held_to_description(host: Host, caller: str, examples: int, phases: str = PHASES) -> Verdict:
    backend = host.backend(SETTINGS)
    delivery = prepare(backend)
    config = host.data / "schemathesis.toml"
    known = f'\n[dictionaries.deliveries]\nvalues = ["{delivery}"]\n\n'
    config.write_text((HERE / "schemathesis.toml").read_text() + known + as_caller(caller, host.data))
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config),
        "run", f"http://127.0.0.1:{backend.port}/openapi.json",
        "--checks", "all", "--phases", phases, "--max-examples", str(examples),
    ]  # fmt: skip
    run = subprocess.run(
        command,
        cwd=host.data,
        env={"PATH": os.environ["PATH"], "HOME": str(host.data), "PYTHONPATH": str(HERE.parents[2])},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert backend.process.runs, "the program ended"
    return Verdict(run.returncode, run.stdout + run.stderr)


def prepare(backend: Backend) -> str:
    """One order that is paid, one that is open, and the id of the delivery that told of the payment."""
    shop = Shop(backend, customer_token("alice"))
    pay(backend.client, shop.created("TEST-001")["action_url"])
    shop.order_once("paid", "TEST-001")
    shop.created("TEST-002")
    found = backend.client.get("/api/operator/deliveries", headers={"Authorization": f"Bearer {key(Role.ADMIN)}"})
    delivery: str = found.json()["deliveries"][0]["id"]
    return delivery


def as_caller(caller: str, folder: Path) -> str:
    """The part of the configuration that says who calls."""
    match caller:
        case "nobody":
            return ""
        case "customer":
            people = folder / "people.json"
            people.write_text(json.dumps({"auth": [person("alice"), person("mallory")]}))
            return f'[auth.wfc]\npath = "{people}"\npeers = ["alice", "mallory"]\n'
        case "operator":
            return header(key(Role.ADMIN))
        case _:
            return header(key(Role.SERVICE))


def person(name: str) -> dict[str, Any]:
    """Of two customers neither may see what is the other's."""
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {customer_token(name)}"}]}


def header(credentials: str) -> str:
    return f'[headers]\nAuthorization = "Bearer {credentials}"\n'


def key(role: Role) -> str:
    return KEYS[role][0]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=100, help="generated cases for each endpoint and phase")
    parser.add_argument("--caller", choices=CALLERS, action="append", help="one or more of them; all by default")
    asked = parser.parse_args()
    failed = []
    for caller in asked.caller or CALLERS:
        with tempfile.TemporaryDirectory() as folder, Host(copy_project(Path(folder) / "clone"), Path(folder)) as host:
            verdict = held_to_description(host, caller, asked.examples)
        print(f"== as {caller} ==\n{verdict.told}")  # noqa: T201 - what this command is for
        failed += [caller] * (verdict.code != 0)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
