"""One file of a published npm package, by its locked digest, into the repository's ignored cache."""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CACHE: Final = Path(__file__).parents[1] / ".cache"


@dataclass(frozen=True, slots=True)
class NpmFile:
    """``sha512`` is the archive's, in base64, as npm's lock files have it."""

    package: str
    version: str
    sha512: str
    member: str

    @property
    def path(self) -> Path:
        """The folder's name holds the version, so an existing file is the right one."""
        return CACHE / f"{self.package}-{self.version}" / Path(self.member).name

    def install(self) -> None:
        if self.path.is_file():
            return
        npm = shutil.which("npm")
        assert npm is not None, f"{self.package} is not installed, and npm, which would fetch it, is not there"
        with tempfile.TemporaryDirectory() as scratch:
            command = [npm, "pack", f"{self.package}@{self.version}", "--json", "--pack-destination", scratch]
            told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
            archive = Path(scratch) / json.loads(told.stdout)[0]["filename"]
            assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == self.sha512
            with tarfile.open(archive) as packed:
                found = packed.extractfile(f"package/{self.member}")
                assert found is not None
                self.path.parent.mkdir(parents=True, exist_ok=True)
                partial = self.path.with_suffix(".partial")
                partial.write_bytes(found.read())
                partial.replace(self.path)
