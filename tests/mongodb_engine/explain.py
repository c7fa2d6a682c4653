"""Which stages MongoDB would run a command with: enough to tell an index from a collection scan."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

COLLECTION_SCAN: Final = "COLLSCAN"


def winning_stages(explained: Mapping[str, Any]) -> frozenset[str]:
    """The names of all stages of the plan an ``explain`` reply says was chosen.

    An index shows as ``IXSCAN``, and for a lookup by ``_id`` as ``IDHACK``, ``EXPRESS_IXSCAN`` or, in an update or
    delete, ``EXPRESS_UPDATE`` or ``EXPRESS_DELETE``, depending on the server's version. So a test should assert
    that COLLECTION_SCAN is absent, rather than that a certain one is there. A sharded cluster's per-shard plans are
    found as well.
    """
    return frozenset(_stages(explained["queryPlanner"]["winningPlan"]))


def _stages(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("stage"), str):
            yield node["stage"]
        for value in node.values():
            yield from _stages(value)
    elif isinstance(node, list):
        for value in node:
            yield from _stages(value)
