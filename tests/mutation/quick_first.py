"""For pytest while changes are tried: tests that draw examples come last, and a failing one is not made smaller."""

import pytest
from hypothesis import Phase, settings


def pytest_configure() -> None:
    settings.register_profile("unshrunk", settings(), phases=(Phase.explicit, Phase.generate))
    settings.load_profile("unshrunk")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_draws_examples)


def _draws_examples(item: pytest.Item) -> bool:
    return hasattr(getattr(item, "obj", None), "hypothesis") or "any_story" in item.nodeid
