"""Routes whose JSON body is read exactly (``domain/exact_json.py``) before validation, so no number becomes a float."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from ..domain.errors import InvalidJson
from ..domain.exact_json import ExactJson, loads
from .errors import WrongMediaType


class ExactJsonRequest(Request):
    async def json(self) -> ExactJson:
        try:
            return loads(await self.body())
        except InvalidJson as exc:
            # The framework turns any other error raised here into a bare 400.
            raise HTTPException(400, detail=str(exc)) from exc


class ExactJsonRoute(APIRoute):
    """For endpoints that take a JSON body and nothing else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_exactly(request: Request) -> Response:
            if self.body_field is not None:
                check_media_type(request)
            return await handle(ExactJsonRequest(request.scope, request.receive))

        return handle_exactly


def check_media_type(request: Request) -> None:
    """Raises:
    WrongMediaType: another type than JSON, or a compressed body, which nothing here unpacks.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" or request.headers.get("content-encoding", "identity") != "identity":
        raise WrongMediaType
