"""Takes addresses and private names out of an analysis, so that its page may be shown to others.

Every text of the analysis is gone through, whatever field it stands in; the same address gets the same name
everywhere.
"""

import enum
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from callprobe.pcap.recognise.server_names import owner_of
from callprobe.pcap.tell.endpoint import host_of
from callresults.addresses import textual_addresses

if TYPE_CHECKING:
    from callprobe.pcap.analyze import Analysis

FILE: Final = "capture"
HIDDEN: Final = "(name hidden)"
OWN: Final = "this device"
_LETTERS: Final = 26
_KNOWN_REALMS: Final = frozenset({"turner.facebook", "rtcmedia", "WebRTC", "hangouts"})
_NAME_FIELDS: Final = frozenset(
    {
        "ServerName.name",
        "StunCounts.realms",
        "TurnServer.realm",
        "DtlsHandshake.certificate_names",
        "DtlsHandshake.server_name",
    }
)
"""Where a name without a dot is hidden; in other texts it might be a word."""

_T = TypeVar("_T")


def redacted(analysis: "Analysis") -> "Analysis":
    """Return the analysis with names for its addresses, without file name and names of private servers."""
    private = {name for name in _given_names(analysis) if not _is_public(name)}
    hide = _replacing({name: HIDDEN for name in private if "." in name})
    names = _HostNames(analysis)
    plain = _Rewriter(lambda text: names.replace(hide(text)), private).rewritten(analysis)
    return msgspec.structs.replace(plain, file=FILE)


class _Rewriter:
    """Goes through records of any kind."""

    def __init__(self, rewrite: Callable[[str], str], private: set[str]) -> None:
        self._rewrite = rewrite
        self._private = private

    def rewritten(self, value: _T, field: str = "") -> _T:
        """Return a value with every text in it rewritten."""
        return cast("_T", self._any(value, field))

    def _any(self, value: object, field: str) -> object:
        if isinstance(value, str) and not isinstance(value, enum.Enum):
            return HIDDEN if field in _NAME_FIELDS and value in self._private else self._rewrite(value)
        if isinstance(value, msgspec.Struct):
            kind = type(value)
            names = value.__struct_fields__
            return kind(
                **{name: self._any(getattr(value, name), f"{kind.__name__}.{name}") for name in names}
            )
        if isinstance(value, dict):
            return self._counts(value, field)
        if isinstance(value, tuple):
            return tuple(self._any(item, field) for item in value)
        return value

    def _counts(self, value: dict[object, object], field: str) -> dict[object, object]:
        """Return a dictionary with its keys rewritten; counts whose keys become the same are added up."""
        result: dict[object, object] = {}
        for key, item in value.items():
            name, rewritten = self._any(key, field), self._any(item, field)
            before = result.get(name)
            if isinstance(before, int) and isinstance(rewritten, int):
                rewritten += before
            result[name] = rewritten
        return result


class _HostNames:
    """Names for hosts: the own one, relays by number, others by letter, in order of appearance."""

    def __init__(self, analysis: "Analysis") -> None:
        self._names: dict[str, str] = {}
        self._others = 0
        own = filter(_is_address, analysis.endpoint)
        for number, host in enumerate(own, start=1):
            self._names[host] = OWN if number == 1 else f"{OWN} ({number})"
        relays = dict.fromkeys(filter(_is_address, map(host_of, _servers(analysis))))
        for number, host in enumerate((host for host in relays if host not in self._names), start=1):
            self._names[host] = f"relay {number}"
        self._known = _replacing(self._names)

    def replace(self, text: str) -> str:
        """Return a text with names in place of all addresses in it."""
        named = self._known(text)
        for address in sorted(textual_addresses(named), key=len, reverse=True):
            name = self._name(address)
            named = named.replace(f"[{address}]", name).replace(address, name)
        return named

    def _name(self, host: str) -> str:
        name = self._names.get(host)
        if name is None:
            name = self._names[host] = _letters(self._others)
            self._others += 1
        return name


def _servers(analysis: "Analysis") -> Iterator[str]:
    for relay in analysis.relays:
        yield relay.relay
    for path in analysis.reflector.reflectors:
        yield path.reflector
    for server in (*analysis.turn.servers, *analysis.turn_tcp.servers):
        yield server.server


def _given_names(analysis: "Analysis") -> Iterator[str]:
    """Yield the names of servers and realms in the analysis."""
    for counts in (analysis.stun, analysis.stun_tcp):
        yield from counts.realms
    for server in (*analysis.turn.servers, *analysis.turn_tcp.servers):
        if server.realm:
            yield server.realm
    for name in analysis.clues.server_names:
        yield name.name
    for handshake in analysis.dtls:
        yield from handshake.certificate_names
        if handshake.server_name:
            yield handshake.server_name


def _is_public(name: str) -> bool:
    """Say whether a name is a service's and so nobody's own; what looks like an address gets a letter."""
    return not name or name in _KNOWN_REALMS or owner_of(name) is not None or _is_address(name)


def _is_address(text: str) -> bool:
    return textual_addresses(text) == [text]


def _replacing(names: dict[str, str]) -> Callable[[str], str]:
    """Return what puts names in place of texts, longest first, where they stand for themselves."""
    if not names:
        return lambda text: text
    ordered = sorted(names, key=lambda text: (-len(text), text))
    either = "|".join(re.escape(text) for text in ordered)
    pattern = re.compile(rf"\[?(?<![0-9A-Za-z.:])({either})(?![0-9A-Za-z]|[.][0-9A-Za-z]|:[0-9A-Fa-f:]*:)\]?")
    return lambda text: pattern.sub(lambda match: names[match.group(1)], text)


def _letters(number: int) -> str:
    """Return A … Z, AA, AB …."""
    text = ""
    number += 1
    while number:
        number, place = divmod(number - 1, _LETTERS)
        text = chr(ord("A") + place) + text
    return text
