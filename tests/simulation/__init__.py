"""Simulated worlds: the real services, adapter and simulator on one seeded scheduler and a virtual clock.

A world is a number. Its seed decides who does what when, which fault strikes where, and which of all ready steps runs
next, so the same seed gives the same world to the last step. ``world.py`` builds and runs one, ``invariants.py`` says
what must hold in it, ``run.py`` runs many.
"""
