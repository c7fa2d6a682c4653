"""What a start loads, and what it leaves for whoever needs it; seen in a fresh interpreter, and without a clock."""

import json
import os
import subprocess
import sys
from collections.abc import Set
from pathlib import Path
from typing import Final

import pytest

from .host import PROJECT, credentials

IMPORTED: Final = "import backend.server"
MADE: Final = """
from backend.config import load_settings
from backend.open_store import make_store
from backend.server import create_app
settings = load_settings()
app, store = create_app(settings), make_store(settings)
"""
HELPED: Final = "import backend.cli"

LOADED: Final = "import json, sys; print(json.dumps([name for name, module in sys.modules.items() if module]))"
BUILT: Final = """
import json
from pydantic import BaseModel
def below(model):
    return [model] + [each for kind in model.__subclasses__() for each in below(kind)]
print(json.dumps([f"{m.__module__}.{m.__name__}" for m in below(BaseModel) if m.__pydantic_complete__]))
"""

NO_START_NEEDS: Final = {
    "aiohttp": "calls to a gateway, loaded in a thread meanwhile",
    "backend.conformance": "tests of adapters",
    "backend.doctor": "a command",
    "backend.simulator": "mock mode",
    "httpx._main": "httpx's command line",
    "jinja2": "the first page",
    "opentelemetry.sdk": "a setting",
    "prometheus_client": "the first look at the metrics",
    "pydantic.v1": "nothing",
    "pymongo": "MongoDB",
    "rich": "a command's tables",
    "sentry_sdk": "a setting",
}
SIMULATORS: Final = {"backend.simulator", "jinja2"}
NO_HELP_NEEDS: Final = ("fastapi", "httpx", "pydantic", "backend.api", "backend.service", "backend.stores")


def told(program: str, question: str, folder: Path, **settings: str) -> Set[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(PROJECT), **settings}
    command = [sys.executable, "-c", program + "\n" + question]
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize("program", [IMPORTED, MADE], ids=["imported", "made"])
def test_nothing_is_loaded_that_no_start_needs(program: str, tmp_path: Path) -> None:
    loaded = told(program, LOADED, tmp_path, **credentials(1, DATA_DIR=str(tmp_path)))
    assert not {name: NO_START_NEEDS[name] for name in loaded & NO_START_NEEDS.keys()}
    assert {"backend.api.app", "fastapi"} <= loaded


def test_mock_mode_loads_its_simulator_and_nothing_for_real_gateways(tmp_path: Path) -> None:
    loaded = told(MADE, LOADED, tmp_path, DATA_DIR=str(tmp_path))
    assert not {name: NO_START_NEEDS[name] for name in loaded & NO_START_NEEDS.keys() - SIMULATORS}
    assert "backend.simulator" in loaded


def test_help_loads_neither_the_application_nor_its_libraries(tmp_path: Path) -> None:
    assert not told(HELPED, LOADED, tmp_path) & set(NO_HELP_NEEDS)


def test_the_api_is_ready_for_its_first_request_and_its_description_is_built_when_it_is_asked_for(
    tmp_path: Path,
) -> None:
    built = told(IMPORTED, BUILT, tmp_path)
    assert "backend.api.schemas.CreatePayment" in built
    assert "fastapi.openapi.models.OpenAPI" not in built


def test_the_routes_are_there_before_the_first_request(tmp_path: Path) -> None:
    """A router that is included as a whole is built once more when the first request comes."""
    question = "import json; print(json.dumps([type(route).__name__ for route in app.routes]))"
    kinds = told(MADE, question, tmp_path, **credentials(1, DATA_DIR=str(tmp_path)))
    assert (
        {"DirectRoute", "ExactJsonRoute"}
        <= kinds
        <= {"APIRoute", "ConsoleRoute", "DirectRoute", "ExactJsonRoute", "Mount", "Route"}
    )
