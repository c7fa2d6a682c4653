"""Clocks of single processes, wrong by as much as a stroke wants: Debian's libfaketime, told by a file each.

What measures durations (the monotonic clock) stays right, as it does on a machine whose clock is set.
"""

from pathlib import Path
from typing import Final

LIBRARIES: Final = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


def can_be_wrong() -> bool:
    return bool(LIBRARIES)


class SkewedClock:
    """``seconds`` is how far it is ahead of the world's."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: float) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+.3f}\n")
        new.replace(self._file)  # at once: it is read by others, once a second

    def environment(self) -> dict[str, str]:
        if not can_be_wrong():
            return {}
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
