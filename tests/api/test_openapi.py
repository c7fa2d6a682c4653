"""The description of the API: complete, true to its own schemas, and checked in as it is."""

import json
import re
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter

from backend.api.description import METHODS, operations
from backend.api.errors import MEDIA_TYPE, PROBLEMS, TYPE_PREFIX
from backend.api.fields import LONGEST_TEXT
from backend.api.layers.idempotency import takes_key
from backend.api.schemas import ProblemDetails

from .openapi_snapshot import FILE, application, rendered

APP = application()
DOCUMENT = APP.openapi()
BODIES = ("CreatePayment", "CompleteCheckout", "CheckoutLine", "RegisterOrder", "AddressIn", "AskOperation", "Why")
ENDPOINTS = {f"{method.upper()} {path}": operation for path, method, operation in operations(DOCUMENT)}
ROUTES = {
    f"{method} {route.path_format}": route
    for route in (context.original_route for context in iter_route_contexts(APP.routes))
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in route.methods or ()
}


def test_the_checked_in_description_is_that_of_the_program() -> None:
    assert FILE.read_text(encoding="utf-8") == rendered(), "the API has changed: run `make openapi` and commit the file"


def test_every_route_is_described() -> None:
    assert ENDPOINTS.keys() == ROUTES.keys()
    assert {method.upper() for method in METHODS} >= {name.split()[0] for name in ROUTES}
    assert len({operation["operationId"] for operation in ENDPOINTS.values()}) == len(ENDPOINTS)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_says_what_it_is_for_and_every_way_it_may_answer(name: str) -> None:
    operation, (method, path) = ENDPOINTS[name], name.split()
    told = {int(status) for status in operation["responses"]}
    assert operation["description"].strip()
    assert any(status < 300 for status in told)
    if operation.get("security"):
        assert 401 in told
    if "/operator/" in path:
        assert 403 in told
    if path.startswith("/api/"):
        assert 429 in told
    if method != "GET":
        assert {408, 413} <= told
    if "requestBody" in operation:
        assert {400, 415, 422} <= told
    if takes_key(method, path):
        assert {400, 409, 422} <= told
        assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_answer_has_an_example_that_fits_it(name: str) -> None:
    for status, response in ENDPOINTS[name]["responses"].items():
        assert response["description"]
        for media_type, content in response["content"].items():
            if media_type == MEDIA_TYPE:
                assert content["examples"], status
                for reference in content["examples"].values():
                    assert problem_at(reference["$ref"])["status"] == int(status)
            elif status == "200":
                fits(ROUTES[name].response_model, content["example"])
            else:
                assert content["example"]


@pytest.mark.parametrize("name", [name for name, operation in ENDPOINTS.items() if "requestBody" in operation])
def test_every_body_has_an_example_that_would_be_taken(name: str) -> None:
    example = ENDPOINTS[name]["requestBody"]["content"]["application/json"]["example"]
    (body,) = ROUTES[name].dependant.body_params
    fits(body.field_info.annotation, example)


def test_every_text_that_is_taken_has_a_length_up_to_which_card_numbers_are_looked_for() -> None:
    asked = [schema for name, schema in DOCUMENT["components"]["schemas"].items() if name in BODIES]
    texts = [part for schema in asked for part in schema["properties"].values() if part.get("type") == "string"]
    assert texts
    for text in texts:
        short = "enum" in text or text.get("maxLength", 501) <= LONGEST_TEXT
        assert short or not re.search(r"[*+]", text["pattern"]), text


def test_every_problem_that_can_be_met_is_described_once() -> None:
    examples = DOCUMENT["components"]["examples"]
    assert examples.keys() >= {problem.slug for problem in PROBLEMS.values()} - {"order-conflict"}
    for slug, example in examples.items():
        assert ProblemDetails.model_validate(example["value"]).type == TYPE_PREFIX + slug


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        assert found(reference)


def test_no_endpoint_answers_in_the_frameworks_own_form() -> None:
    assert "HTTPValidationError" not in json.dumps(DOCUMENT)


def fits(model: Any, example: object) -> None:
    assert model is not None
    TypeAdapter(model).validate_json(json.dumps(example))


def problem_at(reference: str) -> dict[str, Any]:
    value: dict[str, Any] = found(reference)["value"]
    return value


def found(reference: str) -> dict[str, Any]:
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    assert isinstance(part, dict)
    return part


def references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [reference for each in part for reference in references(each)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if "$ref" in part else []
    return own + [reference for each in part.values() for reference in references(each)]
