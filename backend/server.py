"""The application that uvicorn serves, as ``backend.server:app``; made when it is first asked for, not at import."""

import logging
import sys

from fastapi import FastAPI

from .bootstrap import create_app
from .config import SettingsError, load_settings

__all__ = ["create_app"]


def __getattr__(name: str) -> FastAPI:
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_settings()
    except SettingsError as exc:
        sys.exit(f"cannot start: {exc}")
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    globals()["app"] = create_app(settings)
    application: FastAPI = globals()["app"]
    return application
