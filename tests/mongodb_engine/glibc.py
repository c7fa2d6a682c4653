"""A newer C library for one process, leaving the system's own alone.

The engine's native library asks for glibc 2.38, and Debian 12 has 2.36. The next release's ``libc6`` is unpacked into a
folder, and Node.js is started through the loader found there. Nothing is installed: ``apt-get`` runs on a state of its
own (lists, cache, source list), so the system's package lists never hear of the other release. Its mirror is the one
this system already uses, its signatures are checked as always.
"""

import os
import platform
from pathlib import Path
from typing import Final

from .tools import InstallError, find_tool, run_tool

NEEDED: Final = (2, 38)
RELEASE: Final = "trixie"  # the first Debian release with at least NEEDED (it has 2.41)
ALIASES: Final = {"stable", "oldstable", "oldoldstable"}
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def is_too_old() -> bool:
    """Whether this system's C library is a glibc the engine's native library cannot be loaded with."""
    version = installed_version()
    return version is not None and version < NEEDED


def installed_version() -> tuple[int, ...] | None:
    """The running glibc's version, or None where the C library is another one (macOS, musl)."""
    if "CS_GNU_LIBC_VERSION" not in os.confstr_names:
        return None
    try:
        words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (OSError, ValueError):  # musl knows the name and refuses the value
        return None
    return tuple(int(part) for part in words[-1].split(".")[:2]) if words else None


def loader_in(folder: Path) -> Path | None:
    """The dynamic loader of the C library unpacked in ``folder``, if one was."""
    return next(folder.glob("usr/lib/*/ld-linux-*.so.*"), None)


def unpack_newer(folder: Path, scratch: Path) -> None:
    """Put the next release's C library into ``folder``; ``scratch`` holds apt's state and may go afterwards."""
    release = platform.freedesktop_os_release()
    if release.get("ID") != "debian":
        raise InstallError(f"glibc {'.'.join(map(str, NEEDED))} is needed, and only Debian's can be fetched here")
    apt_get = find_tool("apt-get", "apt")
    dpkg = find_tool("dpkg", "dpkg")
    apt = [apt_get, "--quiet", *_separate_state(scratch, _mirror(apt_get, release.get("VERSION_CODENAME", "")))]
    run_tool([*apt, "update"])
    run_tool([*apt, "download", f"libc6/{RELEASE}"], folder=scratch)
    package = next(scratch.glob("libc6_*.deb"), None)
    if package is None:
        raise InstallError(f"apt-get downloaded no libc6 of {RELEASE}")
    run_tool([dpkg, "-x", package, folder])
    if loader_in(folder) is None:
        raise InstallError(f"{package.name} holds no dynamic loader where it was expected")


def _separate_state(scratch: Path, mirror: str) -> list[str]:
    """Options that keep apt away from the system's source list, package lists, download cache and pins."""
    (scratch / "lists" / "partial").mkdir(parents=True)
    (scratch / "cache" / "archives" / "partial").mkdir(parents=True)
    sources = scratch / "sources.list"
    signed_by = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    sources.write_text(f"deb {signed_by}{mirror} {RELEASE} main\n", encoding="utf-8")
    settings = {
        "Dir::State::Lists": scratch / "lists",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _mirror(apt_get: str, codename: str) -> str:
    """The address this system takes Debian's main archive from, asked of apt, whatever form its sources have."""
    wanted = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    lines = run_tool([apt_get, "indextargets", "--format", wanted, "Created-By: Packages"]).splitlines()
    rows = [line.split("|") for line in lines]
    # Other publishers use Debian's release names too; the origin is known once their lists were fetched.
    known = ALIASES | {codename}
    mirrors = sorted((origin != "Debian", uri) for origin, uri, name, part in rows if name in known and part == "main")
    if not mirrors:
        raise InstallError("apt has no source for Debian's main archive to derive the next release's from")
    return mirrors[0][1]
