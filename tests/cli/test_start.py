"""The command line answers at once. Processor time is measured, since other programs share the machine."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

IMPORT_SECONDS = 0.6
FIRST_ANSWER_SECONDS = 1.0
TRIES = 3


def seconds_of(command: list[str], folder: Path) -> float:
    """The least processor time of a few runs."""
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "DATA_DIR": str(folder)}
    needed = []
    for _ in range(TRIES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=plain, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        needed.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(needed)


def test_its_import_takes_no_longer_than_promised(tmp_path: Path) -> None:
    assert seconds_of([sys.executable, "-c", "import backend.cli"], tmp_path) <= IMPORT_SECONDS


@pytest.mark.parametrize("words", [["--help"], ["token"], ["orders"]], ids=" ".join)
def test_its_first_answer_takes_no_longer_than_promised(tmp_path: Path, store_file: Path, words: list[str]) -> None:
    program = str(Path(sys.executable).parent / "backend")
    assert seconds_of([program, *words], tmp_path) <= FIRST_ANSWER_SECONDS
