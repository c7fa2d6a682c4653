"""Imports point inward. The layers and what each may know are the table below; nothing else is allowed."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parent.parent / "backend"

ALLOWED: dict[str, set[str]] = {
    "domain": set(),
    "following": {"names"},
    "names": set(),
    "stepping_aside": set(),
    "time_limit": set(),
    "ports": {"domain"},
    "service": {"domain", "following", "names", "ports", "stepping_aside"},
    "gateways": {"domain", "following", "ports", "stepping_aside"},
    "observability": {"config", "domain", "following", "gateways", "ports"},
    "conformance": {"domain", "gateways", "ports", "simulator"},
    "stores": {"domain", "ports", "time_limit"},
    "api": {"domain", "following", "observability", "ports", "service", "stepping_aside", "time_limit"},
    "worker": {"domain", "ports", "service"},
    "clock": set(),
    "shop": {"domain", "ports"},
    "config": {"domain", "shop"},
    "simulator": set(),
    "open_store": {"config", "ports", "stores"},
    "assemble": {"clock", "config", "domain", "gateways", "open_store", "ports", "service", "shop", "simulator"},
    "bootstrap": {
        "api",
        "assemble",
        "config",
        "domain",
        "following",
        "observability",
        "open_store",
        "ports",
        "service",
        "simulator",
        "worker",
    },
    "server": {"bootstrap", "config", "gateways", "observability", "ports"},
    "doctor": {"assemble", "config", "domain", "gateways", "open_store", "ports"},
    "cli": {
        "api",
        "assemble",
        "config",
        "doctor",
        "domain",
        "following",
        "gateways",
        "observability",
        "open_store",
        "ports",
        "service",
        "simulator",
        "stepping_aside",
        "stores",
        "worker",
    },
}

CORE = ["domain", "following", "names", "ports", "stepping_aside", "time_limit"]
OF_VALUES = {"msgspec"}


def layer_of(path: Path) -> str:
    return path.relative_to(BACKEND).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Absolute names of all modules that a file imports, wherever in the file."""
    package = ("backend", *path.relative_to(BACKEND).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def files(layer: str) -> list[Path]:
    folder = BACKEND / layer
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [BACKEND / f"{layer}.py"]


def test_every_module_belongs_to_a_layer() -> None:
    known = {path for layer in ALLOWED for path in files(layer)} | {BACKEND / "__init__.py"}
    assert set(BACKEND.rglob("*.py")) == known


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_only_inward(layer: str) -> None:
    for path in files(layer):
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("backend.")}
        assert ours <= ALLOWED[layer] | {layer}, path


@pytest.mark.parametrize("layer", CORE)
def test_the_core_imports_no_library_but_that_of_its_values(layer: str) -> None:
    for path in files(layer):
        outside = {name.split(".")[0] for name in imports(path)} - {"backend"} - sys.stdlib_module_names
        assert outside <= OF_VALUES, path


def test_only_settings_and_the_programs_read_the_environment() -> None:
    readers = {"backend/config.py", "backend/simulator/__main__.py", "backend/simulator/program.py"}
    for path in BACKEND.rglob("*.py"):
        if str(path.relative_to(BACKEND.parent)) not in readers:
            assert "environ" not in {name for name in imports(path) if name.startswith("os.")}, path
            assert "os.environ" not in path.read_text(encoding="utf-8"), path
