"""The gateway saying no, as one exception that carries the published error code.

Source: Cashflows developer pages, "Gateway API reference" (error report). Codes for a bad hash, bad JSON, a bad
currency and a bad amount are not published; those here are ours, in the same shape.
"""


class Refusal(Exception):
    """Nothing has changed; ``status`` and ``code`` are what the caller is told."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_request(code: str, message: str) -> Refusal:
    return Refusal(400, code, message)


def not_found(what: str) -> Refusal:
    return Refusal(404, "RecordNotFound", f"{what} not found.")


def unauthorized(message: str) -> Refusal:
    return Refusal(401, "Unauthorized", message)
