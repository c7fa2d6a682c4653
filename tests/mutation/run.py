"""``make mutation``: of a sample of small changes to the program, how many do the tests notice?

    python -m tests.mutation.run --suite service --sample 300 --seed 1
    python -m tests.mutation.run --suite service --again

Each change is tried against the tests of the folder's own, and what they miss against wider ones (``suites.py``).
mutmut works in a copy of the project under ``.cache/mutation``, where it keeps its results: what was tried is not tried
again, so it may be stopped and goes on. After tests were added, ``--again`` tries what survived. The table has a 95%
interval for the share that is noticed, and the survivors are listed below it. What only runs while a module is imported
cannot be switched on by mutmut later, and is left out (``IMPORTED``). A change that ends in no time counts as noticed.
"""

import argparse
import json
import math
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .suites import SUITES, Suite

ROOT: Final = Path(__file__).parents[2]
PLACE: Final = ROOT / ".cache" / "mutation"
COPIED: Final = ("backend", "tests", "examples", "docs", "deploy")
FILES: Final = (".env.example", "README.md", "CASHFLOWS_INTEGRATION_GUIDE.md", "constraints.txt", "supervisord.conf")
IMPORTED: Final = ("backend.domain.money.x__exponents__",)
SURVIVED, NO_TESTS, KILLED = 0, 33, 1
CONFIDENCE: Final = 1.96


@dataclass
class Tally:
    made: int = 0
    tried: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def noticed(self) -> int:
        return self.tried - len(self.survivors)

    def interval(self) -> tuple[float, float]:
        """Wilson's, at 95%, with the correction for drawing from few without putting back."""
        n, share = self.tried, self.noticed / self.tried
        z = CONFIDENCE * math.sqrt((self.made - n) / max(self.made - 1, 1))
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return middle - reach, middle + reach


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--suite", choices=sorted(SUITES), default="service")
    parser.add_argument("--sample", type=int, default=300, help="changes to try; 0 is all of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="try what survived once more")
    asked = parser.parse_args()
    suite = SUITES[asked.suite]
    own, wider = PLACE / asked.suite / "own", PLACE / asked.suite / "wider"
    _make(suite, own, wider=False)
    drawn = _drawn(_results(own), asked.sample, asked.seed)
    _try(own, drawn, again=asked.again)
    results = _results(own)
    missed = [name for name in drawn if results[name] in (SURVIVED, NO_TESTS)]
    if missed:
        _make(suite, wider, wider=True)
        _try(wider, missed, again=asked.again)
        found = _results(wider)
        results |= {name: found[name] for name in missed}
    tell(tallied(results, drawn))
    sys.stdout.write(f"{len(drawn) - len(missed)} noticed by {', '.join(suite.own)}\n")


def tallied(results: Mapping[str, int | None], drawn: list[str]) -> Mapping[str, Tally]:
    """By package; a change that no test runs through survives."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for name in results:
        tallies[package_of(name)].made += 1
    for name in drawn:
        if results[name] is not None:
            tally = tallies[package_of(name)]
            tally.tried += 1
            if results[name] in (SURVIVED, NO_TESTS):
                tally.survivors.append(name)
    return {package: tally for package, tally in tallies.items() if tally.tried}


def package_of(name: str) -> str:
    """``backend.gateways.cashflows.wire.x_read__mutmut_1`` is of ``gateways.cashflows``."""
    return ".".join(name.split(".")[1:-2])


def tell(tallies: Mapping[str, Tally]) -> None:
    sys.stdout.write("package              made  tried  noticed   share  95% interval\n")
    for package, tally in tallies.items():
        low, high = tally.interval()
        share = tally.noticed / tally.tried
        sys.stdout.write(
            f"{package:<20} {tally.made:>4}  {tally.tried:>5}  {tally.noticed:>7}  {share:>6.1%}  "
            f"{low:.1%} - {high:.1%}\n"
        )
    for tally in tallies.values():
        sys.stdout.writelines(f"survived: {name}\n" for name in tally.survivors)


def _make(suite: Suite, place: Path, *, wider: bool) -> None:
    """A project of its own for mutmut, whose settings are those of the suite; it keeps what it found so far."""
    place.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copytree(
            ROOT / name, place / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".env")
        )
    for name in FILES:
        shutil.copy(ROOT / name, place / name)
    settings = suite.settings(wider=wider)
    (place / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)
    if not _results(place):
        _mutmut(place, [suite.smallest])


def _try(place: Path, names: list[str], *, again: bool) -> None:
    results = _results(place)
    tried_again = (None, SURVIVED, NO_TESTS) if again else (None,)
    left = [name for name in names if results[name] in tried_again]
    if left:
        _mutmut(place, left)


def _mutmut(place: Path, names: list[str]) -> None:
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", "1", *names]
    subprocess.run(command, cwd=place, check=True, stdout=sys.stderr)


def _results(place: Path) -> dict[str, int | None]:
    return {
        name: code
        for file in sorted((place / "mutants").glob("backend/**/*.meta"))
        for name, code in json.loads(file.read_text())["exit_code_by_key"].items()
        if not name.startswith(IMPORTED)
    }


def _drawn(results: Mapping[str, int | None], sample: int, seed: int) -> list[str]:
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    return list(_sampled(results, sample, chance))


def _sampled(results: Mapping[str, int | None], sample: int, chance: random.Random) -> Iterator[str]:
    packages: dict[str, list[str]] = defaultdict(list)
    for name in results:
        packages[package_of(name)].append(name)
    for _, names in sorted(packages.items()):
        yield from chance.sample(names, min(sample, len(names))) if sample else names


if __name__ == "__main__":
    main()
