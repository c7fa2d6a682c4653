"""What clients were told, a line of JSON each: the auditor's reading."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self


class Book:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.noted = 0
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def note(self, kind: str, order: str, **said: Any) -> None:
        entry: Mapping[str, Any] = {"kind": kind, "order": order, **said}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        self.noted += 1
