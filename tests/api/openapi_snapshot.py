"""The description of the API as it is checked in; ``make openapi`` writes it anew."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from backend.api.app import make_app
from backend.api.layers.admission import Capacity
from backend.api.layers.rate_limits import Limits
from backend.observability.metrics import Metrics

FILE = Path(__file__).parent.parent.parent / "docs" / "openapi.json"


@asynccontextmanager
async def _nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


def application() -> FastAPI:
    """All routes, without any service behind them."""
    return make_app(
        _nothing,
        origins=[],
        trusted_proxies=[],
        limits=Limits(0, 0, 0),
        capacity=Capacity(1, 1, 1),
        metrics=Metrics(),
        with_try_out=False,
    )


def rendered() -> str:
    return json.dumps(application().openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
