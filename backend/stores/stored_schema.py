"""What Pydantic makes of the domain's dataclasses, tightened for documents that this program wrote itself.

A union of event classes is told apart by its ``kind`` (by default Pydantic tries each member in turn: 112 us instead of
20 us for an order of four entries); fields with a default must still be there; unknown fields are refused. The domain
stays free of Pydantic, so this works on the schema that Pydantic derives from it, which is public and documented
(``TypeAdapter.core_schema``, ``pydantic_core.core_schema``).
"""

from collections.abc import Set
from typing import Any, cast

from pydantic_core.core_schema import CoreSchema, tagged_union_schema

TAG = "kind"


def stored_schema(schema: CoreSchema, *, optional: Set[str]) -> CoreSchema:
    """``schema``, tightened; the fields named in ``optional`` may be missing."""
    return cast(CoreSchema, _tightened(schema, optional))


def _tightened(part: Any, optional: Set[str]) -> Any:
    if isinstance(part, list):
        return [_tightened(item, optional) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _tightened(value, optional) for key, value in part.items()}
    match part.get("type"):
        case "dataclass":
            part["config"] = part.get("config", {}) | {"extra_fields_behavior": "forbid"}
        case "dataclass-field" if part["schema"]["type"] == "default" and part["name"] not in optional:
            part["schema"] = part["schema"]["schema"]
        case "union":
            return tagged_union_schema({_tag(choice): choice for choice in part["choices"]}, discriminator=TAG)
    return part


def _tag(choice: dict[str, Any]) -> str:
    """The one value that this member's ``kind`` may have."""
    fields = {field["name"]: field["schema"] for field in choice["schema"]["fields"]}
    (value,) = fields[TAG]["expected"]
    return cast(str, value)
