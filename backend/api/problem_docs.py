"""Problems in the OpenAPI description."""

from http import HTTPStatus
from typing import Any

from .errors import MEDIA_TYPE
from .schemas import ProblemDetails


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an endpoint that may answer with these statuses."""
    schema = ProblemDetails.model_json_schema()
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }
