"""A host for each test's programs, in a copy of the project that the whole run shares."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .host import Host, copy_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def host(project: Path, tmp_path: Path) -> Iterator[Host]:
    with Host(project, tmp_path) as host:
        yield host
