"""Who calls: a customer with a token of the shop's login, or the holder of an operator key.

A token proves a user (``sub``); whether an order is theirs is decided where the order is read. ``require(role)`` is
what endpoints for operators and for the shop's server stand behind.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Depends
from fastapi.security import HTTPBearer
from msgspec import Struct
from starlette.requests import HTTPConnection
from starlette.types import Scope

from ..domain.model import Order
from ..domain.references import UserId
from ..domain.roles import KEY_PREFIX, OperatorKey, Role, find_operator_key
from .errors import CustomersOnly, NotAllowed, NotAuthenticated
from .scope_headers import header
from .tokens import TokenVerifier


class Caller(Struct, frozen=True):
    """``user`` is a token's ``sub`` or an operator key's name; what an operator does is recorded under it."""

    user: UserId
    email: str | None
    role: Role | None
    is_customer: bool
    """Whether orders can be theirs: anybody with a token, but no key."""

    def may(self, needed: Role) -> bool:
        return self.role is not None and self.role.includes(needed)

    def may_see(self, order: Order) -> bool:
        """Whether it is theirs, or theirs to look after."""
        return self.role is not None or (self.is_customer and order.terms.owner == self.user)

    @property
    def kind(self) -> str:
        """Keeps a user and an operator key of the same name apart."""
        return "user" if self.is_customer else "key"


class Authenticator:
    def __init__(self, tokens: TokenVerifier, keys: Sequence[OperatorKey] = ()) -> None:
        self._tokens = tokens
        self._keys = keys

    def __call__(self, credentials: str) -> Caller:
        """Who the token or key speaks for.

        Raises:
            NotAuthenticated: for every defect alike, so that a forger learns nothing.
        """
        if credentials.startswith(KEY_PREFIX):
            return self._holder(credentials)
        claims = self._tokens.verify(credentials)
        return Caller(UserId(claims.subject), claims.email, Role.ADMIN if claims.is_admin else None, is_customer=True)

    def _holder(self, presented: str) -> Caller:
        key = find_operator_key(self._keys, presented)
        if key is None:
            raise NotAuthenticated
        return Caller(UserId(key.name), None, key.role, is_customer=False)


CALLER: Final = "caller"
"""Where a request keeps who calls, once that was asked."""

# These are coroutines because the framework hands plain functions to a thread, which costs more than they do; and each
# is the security scheme itself, because a dependency of a dependency costs as much again.


class _Bearer(HTTPBearer):
    """The framework's scheme, for the documentation, that goes on to say who it is."""

    def __init__(self) -> None:
        super().__init__(
            auto_error=False,
            scheme_name="Bearer",
            description="The token that the shop's login issued (a JWT), or an operator key (`ok_...`).",
        )

    async def __call__(self, request: HTTPConnection) -> Any:
        """The Caller; the framework's own answers with the credentials.

        Raises:
            NotAuthenticated
        """
        caller = caller_of(request.scope)
        if caller is None:
            raise NotAuthenticated
        return caller


class _CustomersBearer(_Bearer):
    async def __call__(self, request: HTTPConnection) -> Any:
        """As above, for customers.

        Raises:
            NotAuthenticated, CustomersOnly
        """
        caller = await super().__call__(request)
        if not caller.is_customer:
            raise CustomersOnly
        return caller


AuthenticatedCaller = Annotated[Caller, Depends(_Bearer())]
Customer = Annotated[Caller, Depends(_CustomersBearer())]
"""Somebody whose orders they can be."""


def caller_of(scope: Scope) -> Caller | None:
    """Who calls, for what must know before any endpoint; None for whoever cannot say, whom the endpoint turns away."""
    if CALLER not in scope:
        scope[CALLER] = _authenticated(scope)
    caller: Caller | None = scope[CALLER]
    return caller


def _authenticated(scope: Scope) -> Caller | None:
    scheme, _, credentials = (header(scope, b"authorization") or "").partition(" ")
    authenticate: Authenticator = scope["app"].state.context.authenticate
    try:
        return authenticate(credentials.strip()) if scheme.lower() == "bearer" else None
    except NotAuthenticated:
        return None


Check: TypeAlias = Callable[..., Coroutine[Any, Any, Caller]]


def require(role: Role) -> Check:
    """A dependency that lets through whoever has ``role``: ``Annotated[Caller, Depends(require(Role.REFUNDER))]``."""

    async def check(caller: AuthenticatedCaller) -> Caller:
        if not caller.may(role):
            raise NotAllowed(role)
        return caller

    return check


Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]
Refunder = Annotated[Caller, Depends(require(Role.REFUNDER))]
Admin = Annotated[Caller, Depends(require(Role.ADMIN))]
ShopServer = Annotated[Caller, Depends(require(Role.SERVICE))]
