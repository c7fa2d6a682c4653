"""Pytest plugin: a MongoDB for the tests that want one.

    pytest_plugins = ["tests.mongodb_engine.fixtures"]  # in tests/conftest.py

Each xdist worker starts an engine of its own on a folder of its own (unless ``MONGODB_TEST_URL`` names a server), once,
when a test first asks. Tests are kept apart by database names.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from .engine import MongoEngine, RunningServer, require_engine_or_skip, require_or_skip


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a MongoDB shared by this worker's tests, which therefore leave it running."""
    server = require_or_skip()
    if isinstance(server, RunningServer):
        yield server.url
        return
    folder = tmp_path_factory.mktemp("mongodb")
    with MongoEngine(folder, server) as engine:
        yield engine.url
    shutil.rmtree(folder)  # pytest would keep it, and a journal is larger than most tests' leavings


@pytest.fixture
def mongodb_database_name(mongodb_url: str) -> Iterator[str]:
    """The name of a database nobody else uses, on a shared server either; dropped after the test."""
    name = f"test_{uuid4().hex}"
    yield name
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        client.drop_database(name)


@pytest.fixture
def mongodb_engine(tmp_path: Path) -> Iterator[MongoEngine]:
    """A running MongoDB of the test's own, to kill, stop and start again."""
    folder = tmp_path / "mongodb"
    with MongoEngine(folder, require_engine_or_skip()) as engine:
        yield engine
    shutil.rmtree(folder)
