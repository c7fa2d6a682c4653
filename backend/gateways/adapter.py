"""What every adapter answers alike: whether calls are made at present, and what must reach no log."""

from collections.abc import Collection, Mapping

from .guard import LockOutGuard
from .scrubbing import scrub


class GuardedAdapter:
    """Base for adapters; ``credentials`` names the settings to check when they are refused."""

    notice: str | None = None

    def __init__(self, gateway: str, credentials: str, *, secrets: Collection[str]) -> None:
        self._guard = LockOutGuard(gateway, credentials)
        self._secrets = tuple(secrets)

    def auth_refusals(self) -> int:
        return self._guard.refusals

    def refusal(self) -> str | None:
        return self._guard.reason

    def suspend(self, reason: str) -> None:
        self._guard.suspend(reason)

    def resume(self) -> None:
        self._guard.resume()

    def scrub(self, text: str) -> str:
        return scrub(text, self._secrets)

    def acknowledgement(self, body: bytes) -> Mapping[str, str]:  # noqa: ARG002 - the port's; most want no echo
        return {}
