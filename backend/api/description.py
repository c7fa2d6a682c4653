"""The OpenAPI description: what the framework finds, and what holds for every endpoint because middleware does it."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from ..service.answers import KeyOfAnotherRequest, StillInProgress
from .errors import MEDIA_TYPE, InvalidIdempotencyKey, Problem
from .examples import VALUES, example_of
from .layers import admission, body_limits, idempotency, rate_limits
from .problem_docs import Responses, add_problem, problem_examples, problems
from .schemas import ProblemDetails

Document = dict[str, Any]

IDEMPOTENCY_KEY: Final = {
    "name": idempotency.HEADER,
    "in": "header",
    "required": False,
    "description": (
        "Yours, 1 to 255 characters, in quotes or bare, such as a random UUID. Sent again within 24 hours with the "
        "same body, the answer is the same and nothing is done twice; with another body it is a 422; while the first "
        "is still worked on, a 409."
    ),
    "schema": {"type": "string", "pattern": f"^(?:{idempotency.KEY.pattern})$"},
    "example": '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
}
RATE_LIMIT_HEADERS: Final = {
    name: {"description": "As draft-ietf-httpapi-ratelimit-headers-10 has it.", "schema": {"type": "string"}}
    for name in ("RateLimit", "RateLimit-Policy")
}
METHODS: Final = ("get", "put", "post", "patch", "delete")
DROPPED: Final = ("HTTPValidationError", "ValidationError")
"""The framework's own form of a refusal, which no endpoint answers with."""


def install(app: FastAPI) -> None:
    """Have ``app.openapi()``, and so ``/openapi.json`` and ``/docs``, tell all of it."""
    found = app.openapi

    def openapi() -> Document:
        if app.openapi_schema is None:
            _name_operations(app)
            app.openapi_schema = _completed(found())
        return app.openapi_schema

    # The framework's documented way to change the description.
    app.openapi = openapi  # type: ignore[method-assign]


def _name_operations(app: FastAPI) -> None:
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name
            for status, field in [("", route.response_field), *route.response_fields.items()]:
                if field is not None:  # what an answer without a model of its own is called after
                    field.name = "_".join(["Response", *[str(status)] * bool(status), route.name])


def _completed(document: Document) -> Document:
    schemas = document["components"]["schemas"]
    for name in DROPPED:
        schemas.pop(name, None)
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
    document["components"]["examples"] = problem_examples()
    for path, method, operation in operations(document):
        _complete(operation, path, method)
        _exemplify(operation, schemas)
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Path, method and description of every endpoint."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def _complete(operation: Document, path: str, method: str) -> None:
    responses: Document = operation["responses"]
    if responses.get("422", {}).get("content", {}).keys() == {"application/json"}:
        responses["422"] = problems(422)[422]
    if path.startswith(admission.LIMITED):
        _add(responses, admission.TOO_BUSY)
    if rate_limits.is_limited(path):
        _add(responses, rate_limits.TOO_MANY)
        responses["429"]["headers"] |= RATE_LIMIT_HEADERS
    if method == "get":
        return
    _add(responses, *body_limits.PROBLEMS)
    if idempotency.takes_key(method, path):
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        _merge(responses, problems(InvalidIdempotencyKey, KeyOfAnotherRequest, StillInProgress))


def _add(responses: Document, *found: Problem) -> None:
    told: Responses = {}
    for problem in found:
        add_problem(told, problem)
    _merge(responses, told)


def _merge(responses: Document, told: Responses) -> None:
    for status, response in told.items():
        known = responses.setdefault(str(status), response)
        known["content"][MEDIA_TYPE]["examples"] |= response["content"][MEDIA_TYPE]["examples"]
        if "headers" in response:
            known.setdefault("headers", {}).update(response["headers"])


def _exemplify(operation: Document, schemas: Document) -> None:
    """Examples for the body, the answers and the address."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] in VALUES:
            parameter["example"] = VALUES[parameter["name"]]
    contents = [response.get("content", {}) for response in operation["responses"].values()]
    for content in [*contents, operation.get("requestBody", {}).get("content", {})]:
        if "application/json" in content:
            plain = content["application/json"]
            plain["example"] = example_of(plain["schema"], schemas)
    operation["responses"] = dict(sorted(operation["responses"].items()))
