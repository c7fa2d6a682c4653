"""Fixtures that tests in more than one folder use."""

pytest_plugins = ["tests.mongodb_engine.fixtures"]
