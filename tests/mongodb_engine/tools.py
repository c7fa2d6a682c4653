"""Run the system's own tools with a time limit, and say in one line what went wrong."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LIMIT_SECONDS: Final = 300


class InstallError(RuntimeError):
    """The engine cannot be installed here; the message is one line for whoever typed the command."""


def find_tool(name: str, comes_with: str) -> str:
    """Where ``name`` is; raise InstallError naming what to install when it is nowhere on the PATH."""
    found = shutil.which(name)
    if found is None:
        raise InstallError(f"{name} is not on the PATH: install {comes_with}, then try again")
    return found


def run_tool(command: Sequence[str | Path], *, folder: Path | None = None) -> str:
    """Standard output of ``command``, run in ``folder``; raise InstallError with its last words if it fails."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired as exc:
        raise InstallError(f"{name} did not finish within {LIMIT_SECONDS} s") from exc
    if done.returncode != 0:
        raise InstallError(f"{name} failed ({done.returncode}): {_last_words(done.stderr or done.stdout)}")
    return done.stdout


def _last_words(text: str) -> str:
    """The last lines worth reading, joined: tools put the reason at the end, over two or three lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-3:]) or "it said nothing"
