"""Post a notification to the shop: signed, to a checked and pinned address, once, within a time limit.

The shop's certificate is checked against the name in the setting although the connection goes to an address. Redirects
are failures: they could lead anywhere. Of a reply only a short excerpt is kept, without secrets and card numbers.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from ..domain.card_numbers import without_card_numbers
from ..ports import NotTaken, ShopAnswer, Taken
from .addresses import PrivateAddress, Resolve, check_public, resolve
from .signing import Secret, headers

READ_BYTES: Final = 4096
KEPT_CHARACTERS: Final = 160
GONE: Final = 410
ASKS_TO_WAIT: Final = frozenset({429, 503})


class HttpShopEndpoint:
    def __init__(
        self,
        url: str,
        secrets: Sequence[Secret],
        client: httpx.AsyncClient,
        *,
        limit_seconds: float,
        private_allowed: bool,
        resolve: Resolve = resolve,
    ) -> None:
        """``client`` must not use a proxy, which would resolve the name anew."""
        self._url = httpx.URL(url)
        self._secrets = secrets
        self._client = client
        self._limit_seconds = limit_seconds
        self._private_allowed = private_allowed
        self._resolve = resolve
        self.address = str(self._url.copy_with(query=None))

    async def deliver(self, notification_id: str, body: str, at: datetime) -> ShopAnswer:
        content = body.encode()
        sent = {"content-type": "application/json", **headers(self._secrets, notification_id, at, content)}
        try:
            async with asyncio.timeout(self._limit_seconds):
                return await self._post(content, sent, at)
        except TimeoutError:
            return NotTaken(f"no answer within {self._limit_seconds:g} s")
        except PrivateAddress as exc:
            return NotTaken(f"not sent: {exc}")
        except OSError as exc:
            return NotTaken(f"not sent: {self._url.host} cannot be resolved ({type(exc).__name__})")
        except httpx.HTTPError as exc:
            return NotTaken(f"no answer: {type(exc).__name__}")

    async def _post(self, content: bytes, sent: Mapping[str, str], at: datetime) -> ShopAnswer:
        """To the first address that can be connected to."""
        host, port = self._url.host, self._url.port or (443 if self._url.scheme == "https" else 80)
        addresses = await self._resolve(host, port)
        if not self._private_allowed:
            check_public(host, addresses)
        for address in addresses[:-1]:
            try:
                return await self._post_to(address, content, sent, at)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post_to(addresses[-1], content, sent, at)

    async def _post_to(self, address: str, content: bytes, sent: Mapping[str, str], at: datetime) -> ShopAnswer:
        named = {"host": self._url.netloc.decode("ascii"), "accept-encoding": "identity", **sent}
        request = self._client.build_request(
            "POST",
            self._url.copy_with(host=address),
            content=content,
            headers=named,
            extensions={"sni_hostname": self._url.raw_host.decode("ascii")},
        )
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            return await self._read(response, at)
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response, at: datetime) -> ShopAnswer:
        status = response.status_code
        if response.is_success:
            return Taken(f"answered {status}")
        words = f"answered {status}"
        if response.has_redirect_location:
            words += ", a redirect, which is not followed"
        excerpt = self._excerpt(await _first_bytes(response))
        wait = _retry_after(response, at) if status in ASKS_TO_WAIT else None
        return NotTaken(f"{words}: {excerpt}" if excerpt else words, wait, is_gone=status == GONE)

    def _excerpt(self, reply: bytes) -> str:
        text = "".join(char if char.isprintable() else " " for char in reply.decode(errors="replace"))
        text = without_card_numbers(" ".join(text.split()), "[hidden]")
        return text[:KEPT_CHARACTERS]


async def _first_bytes(response: httpx.Response) -> bytes:
    """What comes first, of a reply that may never end."""
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) >= READ_BYTES:
            break
    return read[:READ_BYTES]


def _retry_after(response: httpx.Response, at: datetime) -> timedelta | None:
    """How long to wait, given in seconds or as a date; None where it cannot be read."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return timedelta(seconds=int(text))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(until.replace(tzinfo=until.tzinfo or UTC) - at, timedelta())
