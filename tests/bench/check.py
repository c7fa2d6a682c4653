"""Has the program become slower? ``python -m tests.bench.check [--record]``; the baseline is docs/bench/baseline.json.

Two kinds of figures, neither of which depends on how fast the machine is: instructions of the hot paths, counted by
valgrind, which are the same to a few thousandths in each run of one Python; and the ratios of processor time that
``python -m tests.bench`` found last, which are not, so record them on a quiet machine.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from compileall import compile_dir
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from .hot_paths import PATHS
from .report import PUBLISHED, ROOT, read_results

BASELINE: Final = PUBLISHED / "baseline.json"
TIMES: Final = 30
MOST_LOSS: Final = 0.10
CACHEGRIND: Final = ("--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
"""Counts as callgrind does, several times as fast."""
COUNTED: Final = re.compile(r"I +refs: +([\d,]+)")
NEEDED: Final = "valgrind is needed: apt-get install valgrind"


def instructions() -> dict[str, int]:
    """Of each hot path once, without what it costs to get there; and of importing the program."""
    programs = {name: ["-m", "tests.bench.hot_paths", name, str(TIMES)] for name in PATHS}
    programs |= {"python": ["-c", "pass"], "import": ["-c", "import backend.server"]}
    for folder in ("backend", "tests"):
        compile_dir(ROOT / folder, quiet=1)  # or whoever comes first compiles for the others, which is counted
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = dict(zip(programs, pool.map(_count, programs.values()), strict=True))
    there = counted.pop("nothing")
    bare = counted.pop("python")
    imported = counted.pop("import") - bare
    return {name: (count - there) // TIMES for name, count in counted.items()} | {"import": imported}


def _count(arguments: list[str]) -> int:
    command = ["valgrind", *CACHEGRIND, sys.executable, *arguments]
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found = COUNTED.search(told.stderr)
    assert found is not None, told.stderr[-500:]
    return int(found[1].replace(",", ""))


def losses(baseline: Mapping[str, Any], measured: Mapping[str, Any]) -> list[str]:
    """What is worse than the baseline by more than may be, a sentence each."""
    found = []
    for name, count in measured["instructions"].items():
        known = baseline["instructions"].get(name)
        if known is not None and count > known * (1 + MOST_LOSS):
            found.append(f"{name}: {count:,} instructions, {count / known - 1:.0%} more than {known:,}")
    for name, by_store in measured["ratios"].items():
        for store, ratio in by_store.items():
            known = baseline["ratios"].get(name, {}).get(store)
            if known is not None and ratio < known * (1 - MOST_LOSS):
                found.append(f"{name} on {store}: {ratio:.2f} of the anchor, it was {known:.2f}")
    return found


def measure() -> dict[str, Any]:
    ratios = {name: by for name, by in read_results().get("ratios", {}).items() if name.endswith("_cpu")}
    return {"python": platform.python_version(), "instructions": instructions(), "ratios": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="make what is measured now the baseline")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit(NEEDED)
    measured = measure()
    sys.stdout.write(json.dumps(measured, indent=1) + "\n")
    if asked.record:
        BASELINE.parent.mkdir(exist_ok=True)
        BASELINE.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        return
    baseline = json.loads(Path(BASELINE).read_text(encoding="utf-8"))
    if baseline["python"].rpartition(".")[0] != measured["python"].rpartition(".")[0]:
        sys.exit(f"the baseline is Python {baseline['python']}'s: record one for {measured['python']}")
    found = losses(baseline, measured)
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
