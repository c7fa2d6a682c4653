"""Example values in the OpenAPI description, made from the schemas, so that no endpoint goes without."""

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

TIME: Final = "2026-03-02T12:00:00Z"
VALUES: Final[Mapping[str, Any]] = {
    "order_reference": "TEST-001",
    "order_id": "TEST-001",
    "delivery_id": "cashflows/3f5a",
    "gateway": "cashflows",
    "currency": "GBP",
    "amount": "10.00",
    "most": "10.00",
    "authorized": "10.00",
    "captured": "10.00",
    "refunded": "0.00",
    "at_risk": "0.00",
    "captured_minor": 1000,
    "refunded_minor": 0,
    "status": "paid",
    "payment_job_reference": "261121031376399747",
    "job_reference": "261121031376399747",
    "payment_reference": "261121126693506816",
    "gateway_reference": "261121126693506816",
    "own_reference": "TEST-001",
    "action_url": "https://pay.example/payment?ref=843a68",
    "customer_email": "test@example.com",
    "customer_name": "Test User",
    "owner": "customer-17",
    "actor": "operator anna",
    "asked_by": "anna",
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
"""By a property's name, where its schema has no example of its own."""

PLAIN: Final[Mapping[str, Any]] = {"string": "text", "integer": 1, "number": 1, "boolean": False, "null": None}


def example_of(schema: Schema, components: Mapping[str, Schema], name: str = "") -> Any:
    """A value that fits ``schema``; its own example where it has one."""
    if "$ref" in schema:
        return example_of(components[str(schema["$ref"]).rpartition("/")[2]], components, name)
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        known = VALUES.get(name)
        return known if known in schema["enum"] else schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return example_of(schema[union][0], components, name)
    return _typed(schema, components, name)


def _typed(schema: Schema, components: Mapping[str, Schema], name: str) -> Any:
    match schema.get("type"):
        case "object":
            properties: Mapping[str, Schema] = schema.get("properties", {})
            return {key: example_of(part, components, key) for key, part in properties.items()}
        case "array":
            return [example_of(schema["items"], components, name)]
        case "string" if schema.get("format") == "date-time":
            return TIME
        case kind:
            return VALUES.get(name, schema.get("default", PLAIN.get(str(kind), "text")))
