"""The simulator stands alone: what it imports, and what it opens to others."""

import ast
import sys
from pathlib import Path

import backend.simulator

HOME = Path(backend.simulator.__file__).parent
ALLOWED = {"httpx", "jinja2", "markupsafe", "pydantic", "starlette", "uvicorn"}


def test_it_imports_nothing_of_ours() -> None:
    for path in HOME.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{path.name} reaches out of its package"
                names = [node.module or ""] if node.level == 0 else []
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                top = name.partition(".")[0]
                assert top in ALLOWED | _standard(), f"{path.name} imports {name}"


def test_the_public_names_are_these() -> None:
    assert sorted(backend.simulator.__all__) == ["Clock", "Simulator", "SimulatorSettings"]


def _standard() -> set[str]:

    return set(sys.stdlib_module_names)
