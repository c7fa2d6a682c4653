"""The application that uvicorn serves, as ``backend.server:app``; made when it is first asked for, not at import."""

import logging
import sys

from fastapi import FastAPI

from .bootstrap import create_app
from .config import SettingsError, load_settings
from .gateways.registry import GatewayPluginError

__all__ = ["create_app"]


def __getattr__(name: str) -> FastAPI:
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        globals()["app"] = application = create_app(settings)
    except (SettingsError, GatewayPluginError) as exc:
        sys.exit(f"cannot start: {exc}")
    return application


def configure_logging(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # httpx tells the whole address of every call, and addresses hold references and tokens.
    logging.getLogger("httpx").setLevel(logging.WARNING)
