"""The names in an X.509 certificate (RFC 5280 section 4.1), taken from its DER without judging the rest."""

from collections.abc import Iterator
from typing import Final, NamedTuple

COMMON_NAME: Final = "2.5.4.3"
COUNTRY: Final = "2.5.4.6"

_MOST_IDENTIFIER_BYTES: Final = 32
_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_OBJECT_IDENTIFIER: Final = 0x06
_VERSION: Final = 0xA0
_STRINGS: Final = {
    0x0C: "utf-8",
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString, as it is used
    0x16: "ascii",  # IA5String
    0x1E: "utf-16-be",  # BMPString
}


class CertificateError(ValueError):
    """The bytes are no certificate; one sentence says why."""


class Attribute(NamedTuple):
    """One attribute of a name."""

    kind: str
    """Object identifier in dots; those of X.520 begin with 2.5.4."""
    text: str


class Names(NamedTuple):
    """Whom a certificate names."""

    subject: tuple[Attribute, ...]
    issuer: tuple[Attribute, ...]


class _Element(NamedTuple):
    tag: int
    content: bytes
    end: int
    """Where the next element begins."""


def names(der: bytes) -> Names:
    """Return the names of subject and issuer. Raises CertificateError."""
    certificate = _expect(der, 0, _SEQUENCE)
    fields = list(_elements(_expect(certificate.content, 0, _SEQUENCE).content))
    first = 1 if fields and fields[0].tag == _VERSION else 0
    # serial number, signature algorithm, issuer, validity, subject
    if len(fields) < first + 5:
        raise CertificateError(f"a certificate has more than {len(fields)} fields")
    issuer, subject = fields[first + 2], fields[first + 4]
    return Names(tuple(_attributes(subject)), tuple(_attributes(issuer)))


def _attributes(name: _Element) -> Iterator[Attribute]:
    if name.tag != _SEQUENCE:
        raise CertificateError(f"tag 0x{name.tag:02x} is not that of a name")
    for relative in _elements(name.content):
        if relative.tag != _SET:
            raise CertificateError(f"tag 0x{relative.tag:02x} is not that of a relative name")
        for pair in _elements(relative.content):
            kind = _expect(pair.content, 0, _OBJECT_IDENTIFIER)
            value = _element(pair.content, kind.end)
            if value.tag in _STRINGS:
                yield Attribute(_dotted(kind.content), value.content.decode(_STRINGS[value.tag], "replace"))


def _expect(data: bytes, at: int, tag: int) -> _Element:
    element = _element(data, at)
    if element.tag != tag:
        raise CertificateError(f"tag 0x{element.tag:02x} stands where 0x{tag:02x} should")
    return element


def _elements(data: bytes) -> Iterator[_Element]:
    at = 0
    while at < len(data):
        element = _element(data, at)
        yield element
        at = element.end


def _element(data: bytes, at: int) -> _Element:
    if at + 2 > len(data):
        raise CertificateError(f"an element at byte {at} is cut off")
    tag, size, start = data[at], data[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[at + 2 : start], "big")
    if start + size > len(data):
        raise CertificateError(f"the element at byte {at} runs over the end")
    return _Element(tag, data[start : start + size], start + size)


def _dotted(identifier: bytes) -> str:
    if len(identifier) > _MOST_IDENTIFIER_BYTES:
        raise CertificateError(f"an object identifier of {len(identifier)} bytes is too long")
    numbers, value = [], 0
    for byte in identifier:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        raise CertificateError("an object identifier is empty or does not end")
    top = min(numbers[0] // 40, 2)
    return ".".join(str(number) for number in (top, numbers[0] - 40 * top, *numbers[1:]))
