from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.domain.roles import Role, new_operator_key

from ..program import program
from .desk import Desk

KEYS = {role: new_operator_key(f"{role}-key", role) for role in (Role.SERVICE, Role.VIEWER, Role.REFUNDER, Role.ADMIN)}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """The whole application in mock mode with one key for each role, and a refund limit of 50."""
    entries = ",".join(entry for _, entry in KEYS.values())
    async with program(tmp_path, operator_keys=entries, refund_approval_above=50) as running:
        yield Desk(running, {role: key for role, (key, _) in KEYS.items()})
