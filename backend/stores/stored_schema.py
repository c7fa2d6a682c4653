"""What Pydantic makes of the domain's dataclasses, fitted to documents that this program writes itself.

The domain stays free of Pydantic, so this works on the schema that Pydantic derives from it, which is public and
documented (``TypeAdapter.core_schema``, ``pydantic_core.core_schema``).
"""

from collections.abc import Callable, Set
from typing import Any, Final, TypeAlias, cast

from pydantic_core.core_schema import CoreSchema, str_schema, tagged_union_schema

Part: TypeAlias = dict[str, Any]

TAG: Final = "kind"


def reading_schema(schema: CoreSchema, *, optional: Set[str]) -> CoreSchema:
    """Accepts only what this program wrote: all fields but those in ``optional``, no others, no text for a number.

    Members of a union are told apart by their ``kind``. By default Pydantic tries each in turn: 112 us instead of 20 us
    for an order of four entries.
    """

    def tighten(part: Part) -> Part:
        match part.get("type"):
            case "dataclass":
                return part | {"config": part.get("config", {}) | {"extra_fields_behavior": "forbid"}}
            case "dataclass-field" if part["schema"]["type"] == "default" and part["name"] not in optional:
                return part | {"schema": part["schema"]["schema"]}
            case "int" | "str":
                return part | {"strict": True}
        return _tagged(part)

    return cast(CoreSchema, _mapped(schema, tighten))


def writing_schema(schema: CoreSchema) -> CoreSchema:
    """Words are written as the text that they are; Pydantic would ask each enum member for its value, in Python."""

    def ease(part: Part) -> Part:
        return cast(Part, str_schema(ref=part.get("ref"))) if part.get("type") == "enum" else _tagged(part)

    return cast(CoreSchema, _mapped(schema, ease))


def _mapped(part: Any, change: Callable[[Part], Part]) -> Any:
    """``part`` with every dict in it changed, the innermost first."""
    if isinstance(part, list):
        return [_mapped(item, change) for item in part]
    if isinstance(part, dict):
        return change({key: _mapped(value, change) for key, value in part.items()})
    return part


def _tagged(part: Part) -> Part:
    if part.get("type") != "union":
        return part
    choices = {_tag(choice): choice for choice in part["choices"]}
    return cast(Part, tagged_union_schema(choices, discriminator=TAG))


def _tag(choice: Part) -> str:
    """The one value that this member's ``kind`` may have."""
    schema = {field["name"]: field["schema"] for field in choice["schema"]["fields"]}[TAG]
    (value,) = (schema["schema"] if schema["type"] == "default" else schema)["expected"]
    return cast(str, value)
