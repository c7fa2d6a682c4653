"""Problems in the OpenAPI description: every one with an example, as an endpoint would send it."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from ..domain import errors as domain
from ..domain.operations import OperationKind
from ..domain.roles import Role
from ..ports import StoreUnavailable, WebhookNotConfigured, WebhookRejected, WebhookUnreadable
from ..service import answers
from ..service import start_payment as starting
from ..service.webhooks import NoSuchGateway
from . import errors
from .errors import MEDIA_TYPE, TYPE_PREFIX, Problem
from .layers import admission, body_limits, rate_limits

ORDER: Final = "TEST-001"
SCHEMA: Final = {"$ref": "#/components/schemas/ProblemDetails"}

EXAMPLES: Final[tuple[Exception, ...]] = (
    errors.NotAuthenticated(),
    errors.NotAllowed(Role.REFUNDER),
    errors.CustomersOnly(),
    errors.NoSuchOrder(),
    errors.NoSuchDelivery(),
    domain.NoSuchNotification(ORDER, 7),
    domain.NotificationsOff(),
    NoSuchGateway("other"),
    errors.InvalidIdempotencyKey(),
    answers.KeyOfAnotherRequest(),
    answers.StillInProgress(),
    errors.WrongMediaType(),
    domain.InvalidJson("a number is cut off"),
    domain.InvalidAmount("GBP", 2),
    domain.OrderNotRegistered(ORDER),
    domain.RegistrationDiffers(ORDER),
    domain.OrderOfAnotherCustomer(ORDER),
    domain.OrderAmountDiffers(ORDER, "10.00 GBP", "0.01 GBP"),
    domain.OrderAlreadyPaid(ORDER),
    domain.OrderAlreadyAuthorized(ORDER),
    domain.OrderWasCancelled(ORDER),
    domain.OrderUnderReview(ORDER),
    domain.OperationNotAllowed(OperationKind.VOID, "261121126693506816", [OperationKind.REFUND]),
    domain.TooManyAttempts(ORDER, 20),
    domain.OrderHoldsMoney(ORDER),
    domain.NothingToResolve(ORDER),
    domain.EarlierAttemptOpen(ORDER, datetime(2026, 3, 2, 12, 0, tzinfo=UTC)),
    starting.GatewayRefused(ORDER, "400: the amount is too small"),
    starting.GatewayNotReached(ORDER),
    starting.GatewayDidNotAnswer(ORDER),
    starting.StillStarting(ORDER),
    WebhookRejected("the signature is wrong"),
    WebhookNotConfigured("CASHFLOWS_WEBHOOK_SECRET"),
    WebhookUnreadable("paymentReference is missing"),
    StoreUnavailable("away"),
)
"""One of each kind that ``errors.PROBLEMS`` knows, but those that nothing raises as they are."""

USUAL: Final[dict[int, tuple[type[Exception], ...]]] = {
    400: (domain.InvalidJson,),
    401: (errors.NotAuthenticated,),
    403: (errors.NotAllowed,),
    404: (errors.NoSuchOrder,),
    409: (),
    415: (errors.WrongMediaType,),
    422: (domain.InvalidAmount,),
    503: (StoreUnavailable,),
}
"""What an endpoint that names only the status means by it."""

STARTING: Final = (
    domain.OrderOfAnotherCustomer,
    domain.OrderAmountDiffers,
    domain.OrderAlreadyPaid,
    domain.OrderAlreadyAuthorized,
    domain.OrderWasCancelled,
    domain.OrderUnderReview,
    domain.TooManyAttempts,
    domain.EarlierAttemptOpen,
    domain.OrderNotRegistered,
    errors.CustomersOnly,
    starting.StillStarting,
    starting.GatewayRefused,
    starting.GatewayNotReached,
    starting.GatewayDidNotAnswer,
)
"""What may keep a payment from being started."""

TOO_MANY_DETAIL: Final = "more than 120 requests a minute from one user; try again in 17 seconds"
RETRY_AFTER: Final = {
    "description": "Seconds after which it is worth asking again.",
    "schema": {"type": "integer", "minimum": 1},
}

Responses = dict[int | str, dict[str, Any]]


def problems(*which: int | type[Exception]) -> Responses:
    """The ``responses`` of an endpoint that may answer with these: a status with its usual problem, or a problem."""
    told: Responses = {}
    for each in which:
        if isinstance(each, int):
            told.setdefault(each, _response(each))
        for kind in USUAL[each] if isinstance(each, int) else (each,):
            add_problem(told, errors.problem_of(_example(kind)))
    return told


def add_problem(told: Responses, problem: Problem) -> None:
    """Add one more that an endpoint may answer with."""
    response = told.setdefault(problem.status, _response(problem.status))
    response["content"][MEDIA_TYPE]["examples"][problem.slug] = {"$ref": f"#/components/examples/{problem.slug}"}
    if problem.retry_after_seconds is not None:
        response.setdefault("headers", {})["Retry-After"] = RETRY_AFTER


def problem_examples() -> dict[str, Any]:
    """Every problem once, by its slug, for the description's components."""
    details = {errors.problem_of(example): _detail(example) for example in EXAMPLES}
    details |= {**body_limits.PROBLEMS, rate_limits.TOO_MANY: TOO_MANY_DETAIL, admission.TOO_BUSY: admission.DETAIL}
    return {problem.slug: _as_sent(problem, detail) for problem, detail in details.items()}


def _as_sent(problem: Problem, detail: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": "/api/orders/TEST-001",
    }
    if problem == errors.PROBLEMS[domain.InvalidInput]:
        body["errors"] = [{"field": "amount", "in": "body", "message": detail}]
        body["detail"] = f"amount: {detail}"
    return {"summary": problem.title, "value": body}


def _response(status: int) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": SCHEMA, "examples": {}}}}


def _example(kind: type[Exception]) -> Exception:
    return next(example for example in EXAMPLES if isinstance(example, kind))


def _detail(example: Exception) -> str:
    return errors.STORE_DETAIL if isinstance(example, StoreUnavailable) else str(example)
