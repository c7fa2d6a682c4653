"""Everything that comes out of the program, and a search in it for what must not."""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus
from zipfile import ZipFile

import httpx
from pymongo import MongoClient

from .process import Process
from .receivers import Receiver, attributes, spans


@dataclass
class Seen:
    """What came out, by kind of place and place."""

    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    _numbers: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, place: str, text: str) -> None:
        self._numbers[kind] += 1
        self.texts[kind, f"{self._numbers[kind]} {place}"] = text

    def note(self, answer: httpx.Response, kind: str = "reply") -> httpx.Response:
        self.add(kind, f"{answer.request.method} {answer.request.url.path}", f"{answer.headers} {answer.text}")
        return answer

    def add_log(self, process: Process) -> None:
        self.add("log", "both", process.output + process.errors)

    def add_folder(self, kind: str, folder: Path) -> None:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            self.add(kind, file.name, file.read_bytes().decode("latin-1"))

    def add_zip(self, kind: str, file: Path) -> None:
        with ZipFile(file) as parts:
            for name in parts.namelist():
                self.add(kind, name, parts.read(name).decode())

    def add_mongodb(self, kind: str, url: str, database: str) -> None:
        with MongoClient[dict[str, Any]](url) as client:
            for name in client[database].list_collection_names():
                for document in client[database][name].find():
                    self.add(kind, name, _plain_text(document))

    def add_sentry(self, receiver: Receiver) -> None:
        for request in receiver.requests:
            self.add("error report", request.path, request.content.decode())

    def add_spans(self, receiver: Receiver) -> None:
        for request in receiver.requests:
            self.add("span", request.path, request.content.decode("latin-1"))
        for span in spans(receiver):
            self.add("span", span.name, f"{span.name} {attributes(span)} {span.status.message} {span.events}")

    def kinds_holding(self, text: str) -> set[str]:
        return {kind for kind, _ in self.places_holding(text)}

    def places_holding(self, canary: str) -> list[tuple[str, str]]:
        wanted = set(spellings(canary))
        return [place for place, text in self.texts.items() if any(spelled in text for spelled in wanted)]


def spellings(canary: str) -> Iterator[str]:
    """As it is, and as what carries it may write it."""
    plain = canary.replace(" ", "")
    yield from (canary, plain, canary.replace(" ", "-"), quote(canary, safe=""), quote_plus(canary))
    yield json.dumps(canary)[1:-1]
    for text in (canary, plain):
        yield text.encode().hex()
        for shift in range(3):  # base64 has three spellings, by where in a longer text it begins
            yield base64.b64encode(b"\0" * shift + text.encode()).decode()[WHOLE[shift] : -4]


WHOLE: Final = (0, 4, 4)
"""Letters at the beginning that also hold what stood before."""


def _plain_text(value: Any) -> str:
    match value:
        case bytes():
            return value.decode("latin-1")
        case dict():
            return " ".join(f"{name}={_plain_text(item)}" for name, item in value.items())
        case list():
            return " ".join(map(_plain_text, value))
    return str(value)
