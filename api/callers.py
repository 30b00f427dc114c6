"""Who calls the service: the name in a client certificate, or else the address that the call comes from."""

from typing import Any
from urllib.parse import unquote


def caller_of(context: Any) -> str:
    """Return who is calling, the same for all calls of one caller.

    With `ehr serve --tls-client-ca` that is the identity in the certificate, which nobody else can show. Without it
    all callers from one address are one.

    >>> class Call:
    ...     def peer_identities(self): return None
    ...     def peer(self): return "ipv4:10.0.0.7:40122"
    >>> caller_of(Call())
    'address ipv4:10.0.0.7'
    """
    identities = context.peer_identities()
    if identities:
        return "certificate " + ", ".join(sorted(identity.decode(errors="replace") for identity in identities))
    peer = unquote(context.peer())
    address, colon, port = peer.rpartition(":")
    return f"address {address if colon and port.isdigit() else peer}"
