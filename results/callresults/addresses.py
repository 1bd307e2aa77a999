"""Where an address may hide in a text: the forms of known addresses, and what merely looks like one.

Pure. The probe uses it to redact before hashing, the collector to refuse what was not redacted.
"""

import base64
import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

PLACEHOLDER: Final = "127.0.0.1"
"""OONI's ``probe_ip`` of a withheld address: the only address that a record may hold."""
STUN_MAGIC_COOKIE: Final = b"\x21\x12\xa4\x42"
"""RFC 8489 section 5: XOR-MAPPED-ADDRESS of IPv4 is the address XOR this."""

_DOTTED: Final = re.compile(r"(?<!\d)(\d{1,3})(?:\.(\d{1,3})){3}(?!\d)")
_GROUPED: Final = re.compile(r"(?<![0-9A-Za-z_])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z_])")
_MIDDLE_OF_DOTTED: Final = re.compile(r"\.\d{1,3}\.\d{1,3}\.")
_CLOCK: Final = re.compile(r"(?<![:\w])\d\d:\d\d:\d\d(?![:\w.])")
"""A time of day: three groups that are no address, and stand in every measurement."""
_TWO_COLONS: Final = re.compile(r":[0-9A-Fa-f]{0,4}:")
_LONGEST_TEXT: Final = 45
"""Characters of the longest textual IPv6 address (INET6_ADDRSTRLEN without its NUL)."""
_OTHER_LOOKS: Final = re.compile(
    r"(?<!\d)(?:\d{1,3}[-_]){3}\d{1,3}(?!\d)"  # 192-0-2-1 in a provider's host name
    r"|(?<![0-9A-Za-z])0[xX][0-9A-Fa-f]{8}(?![0-9A-Za-z])"  # 0xc0000201
    r"|(?:[0-9A-Fa-f]\.){31}[0-9A-Fa-f]"  # ip6.arpa
    r"|(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Za-z])"  # a hardware address
    r"|\bcandidate:|\bc=IN\s+IP|\.local\b|\.in-addr\.arpa\b|\.ip6\.arpa\b",
    re.IGNORECASE,
)


def _is_dotted(match: re.Match[str]) -> bool:
    return all(int(part) <= 255 for part in match.group().split("."))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _grouped(text: str) -> Iterator[str]:
    """Yield IPv6 addresses, looking only around what every one of them has: two colons near each other."""
    for core in _TWO_COLONS.finditer(text):
        if _CLOCK.match(text, max(0, core.start() - 2)):
            continue
        start = max(0, core.start() - _LONGEST_TEXT)
        for match in _GROUPED.finditer(text, start, core.end() + _LONGEST_TEXT):
            if _is_ipv6(match.group()):
                yield match.group()


def textual_addresses(text: str) -> list[str]:
    """Return every IPv4 and IPv6 address written out in ``text``, as it stands there, each once."""
    dotted = _DOTTED.finditer(text) if _MIDDLE_OF_DOTTED.search(text) else ()
    found = [match.group() for match in dotted if _is_dotted(match)]
    return list(dict.fromkeys([*found, *_grouped(text)]))


def looks_like_address(text: str) -> bool:
    """Tell whether ``text`` holds an address, an ICE candidate, an SDP line or a local host name.

    Stricter than needed on purpose: a version number of four parts counts as an address too.
    """
    return bool(textual_addresses(text)) or _OTHER_LOOKS.search(text) is not None


def _base64_cores(raw: bytes) -> set[bytes]:
    """Return what stays the same of ``raw`` in base64 at each of the three alignments."""
    cores = set()
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)
        first = -(-shift * 8 // 6)
        last = (shift + len(raw)) * 8 // 6
        cores |= {encoded[first:last], encoded[first:last].replace(b"+", b"-").replace(b"/", b"_")}
    return cores


def _xor(raw: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(raw, mask, strict=False))


def _binary_forms(address: IpAddress, transaction_ids: Iterable[bytes]) -> set[bytes]:
    masks = [STUN_MAGIC_COOKIE] if address.version == 4 else [STUN_MAGIC_COOKIE + t for t in transaction_ids]
    forms = {address.packed, *(_xor(address.packed, mask) for mask in masks)}
    return forms | {form[::-1] for form in forms}


def _texts(address: IpAddress) -> set[str]:
    texts = {str(address), address.exploded, address.reverse_pointer, str(int(address))}
    if isinstance(address, ipaddress.IPv6Address):
        groups = address.exploded.split(":")
        return texts | {
            ":".join(group.lstrip("0") or "0" for group in groups),
            address.exploded.replace(":", "-"),
        }
    parts = str(address).split(".")
    return texts | {
        "-".join(parts),
        "_".join(parts),
        ".".join(f"{int(part):03d}" for part in parts),
        ".".join(f"0{int(part):o}" for part in parts),
        ".".join(f"0x{int(part):x}" for part in parts),
        "::ffff:" + address.packed[:2].hex() + ":" + address.packed[2:].hex(),
        "%2E".join(parts),
    }


def forms_of(address: str, transaction_ids: Iterable[bytes] = ()) -> dict[str, bytes]:
    """Return how ``address`` can stand in bytes: ``{name of the form: bytes}``.

    Textual (plain, expanded, reversed, dashed, decimal, octal, hex), binary (both byte orders, XOR-mapped by
    RFC 8489 section 14.2; IPv6 needs the ``transaction_ids``, 12 bytes each), and the binary forms and the
    plain text again as hex and base64. Compare textual and hex forms without regard to case.

    Raises:
        ValueError: ``address`` is no IP address.
    """
    parsed = ipaddress.ip_address(address)
    forms = {f"text {text}": text.encode() for text in _texts(parsed)}
    binary = _binary_forms(parsed, transaction_ids)
    forms |= {f"binary {raw.hex()}": raw for raw in binary}
    forms |= {f"hex {raw.hex()}": raw.hex().encode() for raw in binary}
    forms |= {f"hex {raw.hex(':')}": raw.hex(":").encode() for raw in binary}
    for raw in (*binary, str(parsed).encode()):
        forms |= {f"base64 {core.decode()}": core for core in _base64_cores(raw)}
    return forms


def find_addresses(data: bytes, addresses: Iterable[str], transaction_ids: Iterable[bytes] = ()) -> list[str]:
    """Return which forms of ``addresses`` occur in ``data``, named as in ``forms_of``."""
    lowered = data.lower()
    known = tuple(transaction_ids)
    found = []
    for address in addresses:
        for name, form in forms_of(address, known).items():
            exact = name.startswith(("base64", "binary"))
            if (form in data) if exact else (form.lower() in lowered):
                found.append(name)
    return sorted(set(found))
