"""A Cashflows look-alike to develop and test against: gateway API, hosted page, webhooks, faults, a movable clock.

Written from the gateway's manual; it imports nothing else of this project. It proves that a client follows the
manual as read here, not that the live gateway does.
"""

from .clock import Clock
from .settings import SimulatorSettings
from .simulator import Simulator

__all__ = ["Clock", "Simulator", "SimulatorSettings"]
