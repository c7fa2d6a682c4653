"""A disk of its own for the store, to be filled to the last byte: a file system in memory, where we may mount one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

SIZE_MB: Final = 400
BLOCK: Final = bytes(1024 * 1024)


class Disk:
    def __init__(self, folder: Path, *, can_be_full: bool) -> None:
        self.folder = folder
        self.can_be_full = can_be_full
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Until nothing fits any more; what is there stays."""
        with self._ballast.open("wb", buffering=0) as ballast, suppress(OSError):
            while ballast.write(BLOCK):
                pass

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """A folder on a disk of its own, or where that is not allowed a plain one, which is never full."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=700", "chaos", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield Disk(folder, can_be_full=mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)
