"""How history entries were chained before schema 4; the chains of orders from then still hold.

Over JSON of ASCII alone, with times as ``isoformat`` writes them, and without what schemas 2 and 3 added where it has
its default.
"""

import json
from datetime import datetime
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from .marks import ADDED_LATER, marked


def digest_before_4(entry: Struct, previous: str) -> str:
    content = asdict(entry)
    del content["digest"]
    return sha256(_ENCODER.encode([previous, content]).encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Struct):
        told = asdict(value)
        for field in marked(type(value), ADDED_LATER):
            if told[field.name] == field.default:
                del told[field.name]
        tag = value.__struct_config__.tag
        return told if tag is None else told | {"kind": tag}
    raise TypeError(f"{type(value).__name__} has no place in a history")


_ENCODER: Final = json.JSONEncoder(default=_plain, sort_keys=True, separators=(",", ":"))
