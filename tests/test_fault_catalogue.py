"""Every fault of the catalogue has its test, or a reason for having none. ``make fault-map`` prints the map."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
CATALOGUE: Final = TESTS / "fault_catalogue.txt"
ROWS: Final = 118
NONE: Final = "none: "


@dataclass(frozen=True, slots=True)
class Fault:
    number: int
    name: str
    tests: tuple[str, ...]
    why_none: str = ""


def faults() -> list[Fault]:
    found = []
    for line in CATALOGUE.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            number, name, rest = (part.strip() for part in line.split("|", 2))
            if rest.startswith(NONE):
                found.append(Fault(int(number), name, (), rest.removeprefix(NONE)))
            else:
                found.append(Fault(int(number), name, tuple(rest.split())))
    return found


def place(test: str) -> tuple[Path, str]:
    """The file and the function behind ``folder/file::test``."""
    file, _, function = test.partition("::")
    folder, _, name = file.rpartition("/")
    return TESTS / folder / f"test_{name}.py", f"test_{function}"


@cache
def functions(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def test_the_catalogue_is_whole() -> None:
    assert [fault.number for fault in faults()] == list(range(1, ROWS + 1))


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: f"{fault.number}-{re.sub('[^a-z]+', '-', fault.name)}")
def test_a_fault_has_a_test_or_a_reason_for_none(fault: Fault) -> None:
    assert fault.tests or fault.why_none
    for test in fault.tests:
        file, function = place(test)
        assert file.is_file(), f"{fault.number} {fault.name}: there is no {file}"
        assert function in functions(file), f"{fault.number} {fault.name}: {file} has no {function}"


def the_map() -> Iterator[str]:
    for fault in faults():
        yield f"{fault.number:>3} {fault.name}"
        for test in fault.tests:
            file, function = place(test)
            yield f"      {file.relative_to(TESTS.parent)}::{function}"
        if fault.why_none:
            yield f"      not tested: {fault.why_none}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(the_map()) + "\n")
