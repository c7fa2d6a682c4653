"""Where a name leads, and whether notifications may go there: never into the network that this program runs in.

What was checked is what is connected to (``endpoint.py`` pins it), so a name whose address changes between the check
and the call gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""From host and port to addresses, literals included; raises OSError where there are none."""

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class PrivateAddress(Exception):
    def __init__(self, host: str) -> None:
        super().__init__(f"{host} leads into a private network, where notifications are not sent")


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def check_public(host: str, addresses: Sequence[str]) -> None:
    """All of them, since any may be connected to.

    Raises:
        PrivateAddress
    """
    if not all(is_public(address) for address in addresses):
        raise PrivateAddress(host)


def is_public(address: str) -> bool:
    """Whether it is an address of the public internet; one that carries another inside is judged by that."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _carried(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip.scope_id is not None or ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
