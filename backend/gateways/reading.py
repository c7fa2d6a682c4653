"""Read what a gateway sends: leniently in shape, strictly in value.

Keys come in camelCase or PascalCase, references and amounts as strings or numbers, members we do not know are passed
over. Amounts and references never go through a float.
"""

from functools import lru_cache
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..domain.errors import InvalidJson
from ..domain.exact_json import ExactJson, NumberText, loads


class WireError(Exception):
    """Not what the manual promises; the message repeats nothing of what was sent."""


Text = Annotated[str, Field(max_length=512, strict=False, coerce_numbers_to_str=True)]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", strict=False, coerce_numbers_to_str=True)]


class Wire(BaseModel):
    """Base of all shapes; member names are compared in lower case and without underscores."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", ""), frozen=True, strict=True)


Shape = TypeVar("Shape", bound=Wire)


def parse(shape: type[Shape], body: bytes) -> Shape:
    """Raises:
    WireError: ``body`` is not JSON that can be read exactly, or lacks what ``shape`` needs.
    """
    try:
        told = _members(body)
    except InvalidJson as exc:
        raise WireError(str(exc)) from None
    if not isinstance(told, dict):
        raise WireError("the body must be a JSON object")
    try:
        return shape.model_validate(told)
    except ValidationError as exc:
        members = sorted({".".join(str(part) for part in error["loc"]) for error in exc.errors(include_input=False)})
        raise WireError(f"missing or not as the manual says: {', '.join(members)}") from None


@lru_cache(maxsize=1)
def _members(body: bytes) -> ExactJson:
    """A delivery is read for what it says and, right after, for what to echo of it."""
    return _lower_keys(loads(body))


def _lower_keys(value: ExactJson) -> ExactJson:
    """Members without a value count as absent, and a number that is no small integer as its text."""
    match value:
        case dict():
            return {
                key.lower(): item if isinstance(item, str) else _lower_keys(item)
                for key, item in value.items()
                if item is not None
            }
        case list():
            return [_lower_keys(item) for item in value]
        case NumberText():
            return value.text
        case _:
            return value
