"""Who sends a request, as far as the limits for each caller are concerned."""

import ipaddress
from typing import Any

IPV6_NETWORK_BITS = 64  # one customer of a provider usually has all of these addresses


def caller_of(request: Any) -> str:
    """Returns the address that a request comes from, or "" if it has none.

    All addresses of an IPv6 network of 64 bits are one caller. Behind a reverse proxy, the server
    has already replaced the address of the proxy by the one that the proxy names, if it may.
    """
    client = getattr(request, "client", None)
    host: str = client.host if client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False))
    return host
