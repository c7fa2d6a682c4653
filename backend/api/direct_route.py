"""Routes of what is asked most: the framework describes them, and this calls them, which takes a fifth off a request.

For endpoints that take texts of the path, dependencies that ask for the request alone, at most one JSON body, and
answer with a Pydantic model or a response. Endpoints that take more are left to the framework.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from .exact_json_route import ExactJsonRequest, ExactJsonRoute, check_media_type

NO_BODY: Final = {"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}


class JsonAnswer(Response):
    """JSON that is encoded already."""

    media_type = "application/json"

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Those that the framework would come to, in a fifth of the time."""
        assert headers is None
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), (b"content-type", b"application/json")]


class DirectRoute(ExactJsonRoute):
    @property
    def is_direct(self) -> bool:
        described = self.dependant
        more = described.query_params or described.header_params or described.cookie_params
        return not more and described.response_param_name is None and all(map(_is_text, described.path_params))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        described, body_field = self.dependant, self.body_field
        if not self.is_direct:
            return super().get_route_handler()
        resolvers = [(each.name or "", _resolver(each.call)) for each in described.dependencies]
        takes_request, endpoint = described.request_param_name, self.endpoint
        status = self.status_code or 200

        async def handle(request: Request) -> Response:
            values: dict[str, Any] = dict(request.path_params)
            for name, resolve in resolvers:
                values[name] = await resolve(request)
            if body_field is not None:
                values[body_field.name] = await _body(request, body_field)
            if takes_request is not None:
                values[takes_request] = request
            answer = await endpoint(**values)
            if isinstance(answer, Response):
                return answer
            assert isinstance(answer, BaseModel)
            return JsonAnswer(answer.model_dump_json().encode(), status)

        return handle


def _is_text(param: Any) -> bool:
    return param.field_info.annotation is str and not param.field_info.metadata


def _resolver(call: object) -> Callable[[Request], Awaitable[Any]]:
    assert callable(call)
    return call


async def _body(request: Request, field: Any) -> Any:
    check_media_type(request)
    raw = ExactJsonRequest(request.scope, request.receive)
    if not await raw.body():
        raise RequestValidationError([NO_BODY])
    value, errors = field.validate(await raw.json(), {}, loc=("body",))
    if errors:
        raise RequestValidationError(errors)
    return value
