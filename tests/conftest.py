"""What holds for every test: fixtures that more than one folder uses, and fixed seeds."""

from hypothesis import settings

pytest_plugins = ["tests.mongodb_engine.fixtures"]

# The same examples in every run, and no verdict by the clock: the machines that run this are busy.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
