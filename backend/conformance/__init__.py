"""What any gateway's adapter must do, as checks that its author runs; ``suite.py`` has them, ``harness.py`` the port.

Imports nothing, so that pytest's plugin costs other test runs nothing. Passing shows that an adapter keeps its promises
towards a simulated gateway; that this one behaves like the real one is its author's to show.
"""
