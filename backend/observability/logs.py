"""One JSON object a line, with the request, the order and the payments at hand; secrets and card numbers hidden.

A line is one line: JSON escapes every line break and control character that came from outside.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from pydantic import SecretStr

from ..config import Settings
from ..following import followed
from ..gateways.scrubbing import scrub

Scrub: TypeAlias = Callable[[str], str]

QUIET: Final = ("httpx", "httpcore", "pymongo", "aiohttp.access")
"""They tell whole addresses and commands, which hold references, tokens and customers."""

TOKEN: Final = re.compile(r"\bok_[A-Za-z0-9_-]{20,}|\beyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")

TOLD: Final = "told in the log with what its request was about"
"""A note on an exception that is on its way to the server, which would log it once more, about nothing."""

ENCODER: Final = json.JSONEncoder(default=str)
"""One for all: making one costs as much as encoding a line."""

TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure_logging(settings: Settings) -> None:
    """All loggers, uvicorn's too, to standard error in one form."""
    # Nothing that a line tells, and a sixth of its cost (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    hide = scrubber(settings)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(JsonLines(hide) if settings.log_format == "json" else PlainLines(hide))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    # Whole addresses again; our own line of a request names the route. Without a handler, uvicorn writes none.
    logger = logging.getLogger("uvicorn.access")
    logger.handlers, logger.propagate = [], False


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return record.name != "uvicorn.error" or TOLD not in getattr(error, "__notes__", ())


def scrubber(settings: Settings) -> Scrub:
    """Hides every secret setting by its value (which are secret, their type tells), tokens, keys and addresses."""
    secrets = secrets_of(settings)

    def hide(text: str) -> str:
        return EMAIL.sub("[e-mail]", TOKEN.sub("[token]", scrub(text, secrets)))

    return hide


def secrets_of(settings: Settings) -> Sequence[str]:
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


class JsonLines(logging.Formatter):
    def __init__(self, hide: Scrub) -> None:
        super().__init__()
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._hide(record.getMessage()),
            **_about(),
            **getattr(record, "told", {}),
        }
        if record.exc_info:
            line["error"] = self._hide("".join(traceback.format_exception(*record.exc_info)))
        return ENCODER.encode(line)


class PlainLines(logging.Formatter):
    """For reading by eye: one line a record, and what it is about at the end."""

    def __init__(self, hide: Scrub) -> None:
        super().__init__(TEXT)
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have left its own here, in which nothing is hidden
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        about = "".join(f" {name}={value}" for name, value in _about().items())
        return _one_line(self._hide(super().formatMessage(record) + about))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return self._hide(super().formatException(ei))


def _about() -> Mapping[str, Any]:
    return followed().references


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
