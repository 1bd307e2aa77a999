"""Keeps the test process on loopback: any other address raises and is remembered, names are not looked up."""

import ipaddress
import socket
from typing import Any

LOCAL_NAMES = frozenset({"", "localhost"})
GUARDED = ("connect", "connect_ex", "sendto", "sendmsg")


class LeftLoopbackError(AssertionError):
    """A test tried to reach beyond this machine; no production code may catch this."""


def is_local(host: Any) -> bool:
    """Whether ``host`` (textual address, name or None) is this machine, without asking anybody."""
    text = host.decode() if isinstance(host, bytes) else host
    if text is None or text in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_numeric(host: str) -> bool:
    """Whether resolving ``host`` needs nobody."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class LoopbackGuard:
    """Replaces the sending methods of ``socket.socket`` and the resolver's front door."""

    def __init__(self) -> None:
        self.escapes: list[str] = []
        """What was refused since the list was last emptied."""

    def refuse(self, what: str) -> None:
        """Remember ``what`` and raise."""
        self.escapes.append(what)
        raise LeftLoopbackError(f"{what}: tests stay on loopback")

    def check(self, sock: socket.socket, operation: str, address: Any) -> None:
        """Refuse ``operation`` of an IP socket towards anything but loopback."""
        if sock.family in {socket.AF_INET, socket.AF_INET6} and address and not is_local(address[0]):
            self.refuse(f"{operation} to {address[0]}")

    def install(self) -> None:
        """Put the guard in place for the rest of the process."""
        for name in GUARDED:
            setattr(socket.socket, name, self.guarded(name, getattr(socket.socket, name)))
        socket.getaddrinfo = self.guarded_lookup(socket.getaddrinfo)  # type: ignore[assignment]

    def guarded(self, name: str, original: Any) -> Any:
        """Return ``original`` with the check before it."""

        def method(sock: socket.socket, *args: Any) -> Any:
            self.check(sock, name, destination(name, args))
            return original(sock, *args)

        return method

    def guarded_lookup(self, original: Any) -> Any:
        """Return ``getaddrinfo`` that knows this machine and numbers only."""

        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            if not is_local(host) and not is_numeric(str(host)):
                self.refuse(f"name lookup of {host}")
            return original(host, *args, **kwargs)

        return getaddrinfo


def destination(name: str, args: tuple[Any, ...]) -> Any:
    """Return the address among the arguments of a socket's method, or None when it is connected."""
    if name == "sendmsg":
        return args[3] if len(args) > 3 else None
    return args[-1] if args else None
