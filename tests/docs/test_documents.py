"""What the documents promise is held against the code."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.api.errors import PROBLEMS
from backend.api.layers.admission import TOO_BUSY
from backend.cli import app
from backend.cli.exits import MEANINGS
from backend.simulator.faults import FAULTS
from backend.stores import SqliteStore
from tests.domain.builders import placed

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


def test_every_fault_script_is_in_the_simulators_table() -> None:
    table = text("docs/simulator.md")
    for fault in FAULTS:
        assert f"| `{fault.name}` | {', '.join(sorted(fault.calls))} | {fault.does} |" in table


def test_the_tests_that_find_the_listed_mutations_exist() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", text("docs/reliability.md")))
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in [*ROOT.glob("tests/**/*.py"), *ROOT.glob("backend/conformance/**/*.py")]
    )
    assert len(named) > 20
    for name in named:
        assert f"def {name}(" in code, name


def test_the_problems_that_the_guide_names_exist() -> None:
    slugs = {problem.slug for problem in [*PROBLEMS.values(), TOO_BUSY]}
    named = set(re.findall(r"(?:401|409|502|503) `([a-z-]+)", text("CASHFLOWS_INTEGRATION_GUIDE.md")))
    assert named
    assert named <= slugs


def test_every_target_that_the_documents_name_can_be_made() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(
            re.findall(r"(?:^|`|\()make (?:-s )?([a-z][a-z-]*)", document.read_text(encoding="utf-8"), re.MULTILINE)
        )
        assert named <= targets, document


async def test_the_documented_backup_holds_what_was_written(tmp_path: Path) -> None:
    (program,) = re.findall(r'-c "(import sqlite3[^"]*)"', text("docs/stores.md"))
    store = SqliteStore(tmp_path / "orders.sqlite3")
    await store.open()
    await store.insert(placed())
    command = [sys.executable, "-W", "ignore", "-c", program, "orders.sqlite3", "copy.sqlite3"]
    await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True)
    wrong = [*command[:-2], "missing.sqlite3", "other.sqlite3"]
    assert (await asyncio.to_thread(subprocess.run, wrong, cwd=tmp_path, stderr=subprocess.DEVNULL)).returncode != 0
    assert not (tmp_path / "other.sqlite3").exists()
    await store.close()
    copy = SqliteStore(tmp_path / "copy.sqlite3")
    await copy.open()
    assert await copy.get(placed().id) == placed()
    await copy.close()


def test_every_exit_code_and_command_is_in_the_command_lines_document() -> None:
    document = text("docs/command-line.md")
    for code, meaning in MEANINGS.items():
        assert f"| {code.value} | {meaning} |" in document
    for command in app.registered_commands:
        assert re.search(rf"`{command.name}\b", document), command.name
