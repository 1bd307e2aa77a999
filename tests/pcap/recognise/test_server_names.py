"""Names of servers in DNS, TLS and certificates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.recognise.server_names import certified_names, client_hello_name, dns_question, owner_of


def question(name: str, *, header: str = "1234 0100 0001 0000 0000 0000") -> bytes:
    """Return a DNS question for ``name``."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return bytes.fromhex(header) + labels + bytes.fromhex("00 0001 0001")


def client_hello(name: bytes, *, before: bytes = b"") -> bytes:
    """Return a TLS record with a ClientHello, extension ``before`` in front of the server name."""
    entry = b"\0" + len(name).to_bytes(2, "big") + name
    names = len(entry).to_bytes(2, "big") + entry
    extensions = before + b"\0\0" + len(names).to_bytes(2, "big") + names
    body = (
        bytes(34)
        + b"\x02ab"
        + b"\0\x02\xc0\x2b"
        + b"\x01\0"
        + len(extensions).to_bytes(2, "big")
        + extensions
    )
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("e13.whatsapp.net", "whatsapp"),
        ("WhatsApp.net", "whatsapp"),
        ("turn3.voip.signal.org.", "signal"),
        ("meet.google.com", "meet"),
        ("www.google.com", None),
        ("notwhatsapp.net", None),
        ("t.me", "telegram"),
        ("", None),
    ],
)
def test_owner_is_that_of_the_domain(name: str, owner: str | None) -> None:
    """A name belongs to who owns a domain above it, not to who has letters like it."""
    assert owner_of(name) == owner


def test_dns_question_names_what_is_asked_for() -> None:
    """The first question counts; a message without one is DNS all the same."""
    assert dns_question(question("e13.whatsapp.net")) == "e13.whatsapp.net"
    assert dns_question(bytes.fromhex("1234 8180 0000 0001 0000 0000") + b"rest") == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        question("a.b")[:14],
        question("a.b", header="1234 7800 0001 0000 0000 0000"),
        question("a.b", header="1234 0100 0100 0000 0000 0000"),
        bytes(12),
        bytes.fromhex("1234 0100 0001 0000 0000 0000 c00c 0001 0001"),
    ],
)
def test_what_is_no_dns_question_is_none(data: bytes) -> None:
    """A cut name, an unknown operation, 256 questions, nothing asked nor said, a pointer to itself."""
    assert dns_question(data) is None


def test_client_hello_names_its_server() -> None:
    """Also behind another extension."""
    assert client_hello_name(client_hello(b"mmg.whatsapp.net")) == "mmg.whatsapp.net"
    assert client_hello_name(client_hello(b"zoom.us", before=b"\0\x17\0\0")) == "zoom.us"


@pytest.mark.parametrize("name", [b"", b"a b", b"\xff", b"x" * 300])
def test_client_hello_with_an_impossible_name_has_none(name: bytes) -> None:
    """What could be no host name is not passed on."""
    assert client_hello_name(client_hello(name)) is None


def test_certificate_names_are_found_in_the_servers_half() -> None:
    """Only names of known owners, each once, and not when letters stand before them."""
    certificate = (
        b"\x16\x03\x03\x01\x00\x02...\x0e*.whatsapp.net\x0cwhatsapp.net\x0cwhatsapp.net chat.me evilzoom.us"
    )

    assert certified_names(certificate) == ["*.whatsapp.net", "whatsapp.net"]
    assert certified_names(client_hello(b"zoom.us")) == []


@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda data: b"\x16\x03\x01\x00\xff\x01" + data))
def test_hostile_bytes_have_no_name_or_a_short_one(data: bytes) -> None:
    """Whatever comes, there is an answer, and it is bounded."""
    for name in (dns_question(data), client_hello_name(data), *certified_names(data)):
        assert name is None or len(name) <= 400
