"""The application that uvicorn serves, as ``backend.server:app``; made when it is first asked for, not at import."""

import gc
import sys
from typing import TYPE_CHECKING, Final

from .bootstrap import create_app
from .config import SettingsError, load_settings
from .gateways.registry import GatewayPluginError
from .observability.exporting import start_exporting
from .observability.logs import configure_logging
from .ports import StoreError

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["create_app"]

YOUNG_OBJECTS: Final = 5_000
"""What ten requests or so make. Most of the interpreter's 700 are still in use when they are looked at, so in vain."""


def __getattr__(name: str) -> "FastAPI":
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_settings()
        configure_logging(settings)
        application = create_app(settings, tracer=start_exporting(settings))
        # What is there now stays: looking through it for garbage, again and again, is a tenth of the time of a request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)
        gc.enable()
        globals()["app"] = application
    except (SettingsError, GatewayPluginError, StoreError) as exc:
        sys.exit(f"cannot start: {exc}")
    return application
