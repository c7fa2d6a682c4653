"""Every error as RFC 9457 problem details: one table from what went wrong to status, type and title.

``type`` is stable and may be programmed against; ``detail`` is a sentence for a person. Nothing that the caller sent
is repeated except references and amounts: input may hold a card number or a secret. A customer's browser that comes
back from the payment page gets a page instead, which has words of its own.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from msgspec import Struct
from starlette.exceptions import HTTPException

from ..domain import errors as domain
from ..domain.card_numbers import holds_card_number
from ..domain.roles import Role
from ..ports import StoreError, WebhookNotConfigured, WebhookRejected, WebhookUnreadable
from ..service import start_payment as starting
from ..service.answers import KeyOfAnotherRequest, StillInProgress
from ..service.webhooks import NoSuchGateway
from .allowed_methods import allowed_methods
from .pages import is_return_page, trouble_page

log = logging.getLogger(__name__)

TYPE_PREFIX: Final = "urn:rafflestack:problem:"
MEDIA_TYPE: Final = "application/problem+json"


class NotAuthenticated(Exception):
    def __init__(self) -> None:
        super().__init__("send a valid, unexpired token as Authorization: Bearer <token>")


class InvalidIdempotencyKey(Exception):
    def __init__(self) -> None:
        super().__init__(
            "send one Idempotency-Key of 1 to 255 printable ASCII characters, in quotes or bare, such as a random UUID"
        )


class NoSuchOrder(Exception):
    def __init__(self) -> None:
        super().__init__("there is no such order of yours; check the order reference")


class NoSuchDelivery(Exception):
    def __init__(self) -> None:
        super().__init__("there is no such delivery; take its id from the list of deliveries")


class WrongMediaType(Exception):
    def __init__(self) -> None:
        super().__init__("send the body as Content-Type: application/json, uncompressed")


class NotAllowed(Exception):
    def __init__(self, needed: Role) -> None:
        token = "" if needed is Role.SERVICE else ", or a token with is_admin"
        super().__init__(f"this needs the role {needed}: send an operator key that has it{token}")


class MetricsNotAllowed(Exception):
    def __init__(self) -> None:
        super().__init__("send METRICS_TOKEN as Authorization: Bearer, or, where none is set, ask from this machine")


class CustomersOnly(Exception):
    def __init__(self) -> None:
        super().__init__("this is for customers: send a token that the shop's login issued, not an operator key")


class Problem(Struct, frozen=True):
    status: int
    slug: str
    title: str
    retry_after_seconds: int | None = None


PROBLEMS: Final[Mapping[type[Exception], Problem]] = {
    NotAuthenticated: Problem(401, "not-authenticated", "Sign in first"),
    NotAllowed: Problem(403, "not-allowed", "Another role is needed"),
    MetricsNotAllowed: Problem(403, "not-allowed", "Metrics are not for everybody"),
    CustomersOnly: Problem(403, "customers-only", "Customers only"),
    NoSuchOrder: Problem(404, "no-such-order", "No such order"),
    NoSuchDelivery: Problem(404, "no-such-delivery", "No such delivery"),
    domain.NoSuchNotification: Problem(404, "no-such-notification", "No such notification"),
    domain.NotificationsOff: Problem(409, "notifications-off", "The shop is told nothing here"),
    NoSuchGateway: Problem(404, "no-such-gateway", "No such gateway"),
    InvalidIdempotencyKey: Problem(400, "invalid-idempotency-key", "The idempotency key cannot be read"),
    KeyOfAnotherRequest: Problem(422, "idempotency-key-reused", "The idempotency key stands for another request"),
    StillInProgress: Problem(409, "request-in-progress", "The request is still being worked on", 1),
    WrongMediaType: Problem(415, "wrong-media-type", "Not a JSON body"),
    domain.InvalidJson: Problem(400, "invalid-json", "The body cannot be read"),
    domain.InvalidInput: Problem(422, "invalid-request", "A value cannot be accepted"),
    domain.OrderNotRegistered: Problem(404, "order-not-registered", "The order is not registered"),
    domain.RegistrationDiffers: Problem(409, "registration-differs", "The order is registered with other terms"),
    domain.OrderOfAnotherCustomer: Problem(409, "order-of-another-customer", "The order is another customer's"),
    domain.OrderAmountDiffers: Problem(409, "order-amount-differs", "The order has another amount"),
    domain.OrderAlreadyPaid: Problem(409, "order-already-paid", "The order is already paid"),
    domain.OrderAlreadyAuthorized: Problem(409, "order-already-authorized", "The order is already authorized"),
    domain.OrderWasCancelled: Problem(409, "order-was-cancelled", "The order was cancelled"),
    domain.OrderUnderReview: Problem(409, "order-under-review", "A person decides about the order first"),
    domain.OperationConflict: Problem(409, "operation-not-possible", "This cannot be done to the payment now"),
    domain.OrderConflict: Problem(409, "order-conflict", "The order does not allow it"),
    domain.TooManyAttempts: Problem(409, "too-many-attempts", "Too many payment attempts"),
    domain.OrderHoldsMoney: Problem(409, "order-holds-money", "The order holds money"),
    domain.NothingToResolve: Problem(409, "nothing-to-resolve", "Nothing to resolve"),
    domain.EarlierAttemptOpen: Problem(409, "earlier-attempt-open", "An earlier payment page is still open", 60),
    starting.GatewayRefused: Problem(502, "gateway-refused", "The payment gateway refused"),
    starting.GatewayNotReached: Problem(503, "gateway-unavailable", "The payment gateway is unavailable", 5),
    starting.GatewayDidNotAnswer: Problem(503, "outcome-unknown", "The payment gateway gave no clear answer", 5),
    starting.StillStarting: Problem(409, "payment-starting", "The payment is being started", 1),
    WebhookRejected: Problem(401, "webhook-rejected", "The delivery is not the gateway's"),
    WebhookNotConfigured: Problem(503, "webhook-not-configured", "Webhooks are not configured"),
    WebhookUnreadable: Problem(400, "webhook-unreadable", "The delivery cannot be read"),
    StoreError: Problem(503, "store-unavailable", "The store is unavailable", 5),
}
"""From what went wrong to what the caller is told; a subclass without a row of its own takes its parent's."""

STORE_DETAIL: Final = "the order store does not answer; nothing was acknowledged: send the same request again"


def install(app: FastAPI) -> None:
    """Have every error of ``app`` answered as a problem, the framework's own included."""
    for error in PROBLEMS:
        app.add_exception_handler(error, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _unexpected)


def problem_response(
    problem: Problem, detail: str, path: str, *, errors: Sequence[Mapping[str, str]] = ()
) -> JSONResponse:
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": path,
    }
    headers: dict[str, str] = {}
    if errors:
        body["errors"] = errors
    if problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(problem.retry_after_seconds)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, problem.status, headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    return next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)


def problem_for(error: Exception, path: str) -> JSONResponse:
    """The answer to an error that ``PROBLEMS`` knows."""
    if isinstance(error, StoreError):
        log.error("store: %s", error)
    return problem_response(problem_of(error), told_of(error), path)


def told_of(error: Exception) -> str:
    """What a caller is told of an error that ``PROBLEMS`` knows."""
    return STORE_DETAIL if isinstance(error, StoreError) else str(error)


async def _known(request: Request, error: Exception) -> Response:
    return _for_its_reader(request, problem_for(error, request.url.path))


def _for_its_reader(request: Request, answer: JSONResponse) -> Response:
    """A page for the customer who comes back to us; else the problem as it is."""
    if not is_return_page(request):
        return answer
    return trouble_page(request, answer.status_code, answer.headers.get("Retry-After"))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problem = Problem(422, "invalid-request", "A value cannot be accepted")
    wrong = [_plain(item) for item in error.errors()]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in wrong[:5])
    return problem_response(problem, detail, request.url.path, errors=wrong)


def _plain(item: Mapping[str, Any]) -> dict[str, str]:
    """Which field, and what is wrong with it; never the value."""
    where, *path = item["loc"]
    field = ".".join(str(part) for part in path) or str(where)
    if holds_card_number(field):
        field = "(a name that looks like a card number)"
    return {"field": field, "in": str(where), "message": str(item["msg"]).removeprefix("Value error, ")}


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, domain.DomainError):
        return await _known(request, error.__cause__)
    status = HTTPStatus(error.status_code)
    detail = {
        404: "there is nothing at this address; /docs lists what there is",
        405: f"this address does not take {request.method} requests",
    }.get(status, str(error.detail))
    problem = Problem(status, status.phrase.lower().replace(" ", "-"), status.phrase)
    response = problem_response(problem, detail, request.url.path)
    response.headers.update(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := allowed_methods(request)):
        response.headers["Allow"] = allowed
    return response


async def _unexpected(request: Request, _: Exception) -> Response:
    return _for_its_reader(request, unexpected(request.url.path))


def unexpected(path: str) -> JSONResponse:
    """The error itself is in the log, under the id that the caller gets; the caller learns nothing else of it."""
    detail = "something went wrong here; nothing was acknowledged: send the same request again, or ask for help"
    return problem_response(Problem(500, "internal-error", "Internal error"), detail, path)
