import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import dtls, dtls_messages
from callprobe.wire.dtls import DtlsError
from callprobe.wire.dtls_messages import ClientHello, Extension
from helpers.hexdata import load_hex
from helpers.hostile import outcome


def body_of(name: str) -> bytes:
    """Return the body of the only handshake message of a stored record."""
    (record,) = dtls.records(load_hex(f"wire/{name}"))
    (part,) = dtls.fragments(record)
    return part.body


def hello(*extensions: Extension, ciphers: tuple[int, ...] = (0xC02B,), cookie: bytes = b"") -> ClientHello:
    """Return a ClientHello with these extensions."""
    return ClientHello(0xFEFD, bytes(32), b"", cookie, ciphers, b"\x00", extensions)


STORED = dtls_messages.parse_client_hello(body_of("dtls_client_hello"))


def test_a_client_hello_is_read_field_by_field() -> None:
    assert (STORED.version, STORED.random, STORED.session_id, STORED.cookie) == (0xFEFD, bytes(32), b"", b"")
    assert b"".join(cipher.to_bytes(2, "big") for cipher in STORED.ciphers) == bytes.fromhex(
        "c02b c02f cca9 cca8 c009 c013 c00a c014 009c 002f 0035"
    )
    assert [item.kind for item in STORED.extensions] == [0x17, 0xFF01, 10, 11, 13, 14]


def test_extensions_tell_groups_and_srtp_profiles() -> None:
    assert STORED.groups == (29, 23, 24)
    assert STORED.point_formats == (0,)
    assert STORED.srtp_profiles == (1, 8, 7)


def test_absent_extensions_tell_nothing() -> None:
    bare = hello()

    assert (bare.versions, bare.groups, bare.srtp_profiles) == ((0xFEFD,), (), ())
    assert (bare.protocols, bare.server_name, bare.point_formats) == ((), None, ())


def test_a_client_of_1_3_lists_its_versions() -> None:
    assert hello(Extension(43, bytes.fromhex("04fefcfefd"))).versions == (0xFEFC, 0xFEFD)


def test_name_and_protocols_are_read() -> None:
    asked = hello(
        Extension(0, bytes.fromhex("000e 00 000b") + b"example.org"),
        Extension(16, bytes.fromhex("0010 06") + b"webrtc" + b"\x08c-webrtc"),
    )

    assert asked.server_name == "example.org"
    assert asked.protocols == (b"webrtc", b"c-webrtc")


def test_a_hello_of_old_without_extensions_is_read() -> None:
    body = dtls_messages.build_client_hello(hello())[:-2]

    assert dtls_messages.parse_client_hello(body) == hello()


def test_a_server_hello_is_read_field_by_field() -> None:
    answer = dtls_messages.parse_server_hello(body_of("dtls_server_hello"))

    assert (answer.version, answer.cipher, answer.srtp_profile) == (0xFEFD, 0xC02F, 8)
    assert not answer.is_retry_request


def test_a_retry_request_is_known_by_its_random() -> None:
    answer = dtls_messages.parse_server_hello(body_of("dtls13_hello_retry_request"))

    assert answer.is_retry_request
    assert (answer.legacy_version, answer.version, answer.srtp_profile) == (0xFEFD, 0xFEFC, None)


def test_a_hello_verify_request_carries_a_cookie() -> None:
    request = dtls_messages.parse_hello_verify_request(body_of("dtls_hello_verify_request"))

    assert request == (0xFEFF, bytes.fromhex("0123456789abcdef"))


def test_certificates_are_split() -> None:
    assert dtls_messages.parse_certificates(bytes.fromhex("000009 000002 3000 000001 aa")) == (
        b"0\x00",
        b"\xaa",
    )


def test_an_alert_is_read() -> None:
    assert dtls_messages.parse_alert(b"\x02\x28") == (2, 40)


def test_the_fingerprint_hashes_the_text_that_its_docstring_names() -> None:
    text = (
        "65277,49195-49199-52393-52392-49161-49171-49162-49172-156-47-53,23-65281-10-11-13-14,29-23-24,1-8-7"
    )

    assert dtls_messages.fingerprint(STORED) == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert dtls_messages.fingerprint(STORED) == "4be231a0ed42dca9"


def test_ja3_hashes_the_text_that_everybody_hashes() -> None:
    text = "65277,49195-49199-52393-52392-49161-49171-49162-49172-156-47-53,23-65281-10-11-13-14,29-23-24,0"

    assert dtls_messages.ja3(STORED) == hashlib.md5(text.encode()).hexdigest()


def test_both_hellos_of_a_handshake_have_one_fingerprint() -> None:
    """Neither the cookie of 1.2, nor that of 1.3, nor the random changes it."""
    first = hello(Extension(23, b""))
    second = hello(Extension(23, b""), Extension(44, bytes.fromhex("0002aabb")), cookie=b"12345678")

    assert dtls_messages.fingerprint(second._replace(random=b"\x01" * 32)) == dtls_messages.fingerprint(first)


def test_order_changes_the_fingerprint() -> None:
    one, other = hello(Extension(23, b""), Extension(22, b"")), hello(Extension(22, b""), Extension(23, b""))

    assert dtls_messages.fingerprint(one) != dtls_messages.fingerprint(other)


def test_reserved_values_change_no_hash() -> None:
    greased = hello(
        Extension(0x4A4A, b""), Extension(10, bytes.fromhex("0004 1a1a 001d")), ciphers=(0xDADA, 0xC02B)
    )
    plain = hello(Extension(10, bytes.fromhex("0002 001d")))

    assert dtls_messages.fingerprint(greased) == dtls_messages.fingerprint(plain)
    assert dtls_messages.ja3(greased) == dtls_messages.ja3(plain)


def test_reserved_values_are_known() -> None:
    assert [f"{value:04x}" for value in range(0x10000) if dtls_messages.is_grease(value)] == [
        f"{high:x}a{high:x}a" for high in range(16)
    ]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("fefd", "runs over the end"),
        ("fefd" + "00" * 32 + "0000" + "0003c02bc0" + "0100" + "0000", "no list of numbers of 2 bytes"),
        ("fefd" + "00" * 32 + "0000" + "0002c02b" + "0100" + "0000" + "ff", "1 bytes follow the last field"),
        ("fefd" + "00" * 32 + "0000" + "0002c02b" + "0100" + "0003000a00", "runs over the end"),
    ],
)
def test_each_faulty_hello_has_its_sentence(body: str, sentence: str) -> None:
    with pytest.raises(DtlsError, match=sentence):
        dtls_messages.parse_client_hello(bytes.fromhex(body))


def test_a_malformed_extension_is_a_fault_when_it_is_read() -> None:
    with pytest.raises(DtlsError, match="runs over the end"):
        _ = hello(Extension(14, b"\x00\x09\x00")).srtp_profiles


def test_an_alert_has_two_bytes() -> None:
    with pytest.raises(DtlsError, match="3 bytes are no alert"):
        dtls_messages.parse_alert(b"abc")


EXTENSIONS = st.builds(Extension, st.integers(0, 0xFFFF), st.binary(max_size=20))
HELLOS = st.builds(
    ClientHello,
    version=st.integers(0, 0xFFFF),
    random=st.binary(min_size=32, max_size=32),
    session_id=st.binary(max_size=32),
    cookie=st.binary(max_size=255),
    ciphers=st.lists(st.integers(0, 0xFFFF), max_size=20).map(tuple),
    compressions=st.binary(max_size=3),
    extensions=st.lists(EXTENSIONS, max_size=6).map(tuple),
)


@given(HELLOS)
def test_what_is_built_is_read_back(built: ClientHello) -> None:
    assert dtls_messages.parse_client_hello(dtls_messages.build_client_hello(built)) == built


def read_all(body: bytes) -> None:
    """Read a body as every message, and what lies in extensions."""
    outcome(lambda: dtls_messages.parse_hello_verify_request(body), DtlsError)
    outcome(lambda: dtls_messages.parse_certificates(body), DtlsError)
    outcome(lambda: dtls_messages.parse_alert(body), DtlsError)
    outcome(lambda: look_into(dtls_messages.parse_client_hello(body)), DtlsError)
    outcome(lambda: dtls_messages.parse_server_hello(body).version, DtlsError)
    outcome(lambda: dtls_messages.parse_server_hello(body).srtp_profile, DtlsError)


def look_into(read: ClientHello) -> None:
    """Read what a hello tells, each by itself."""
    for name in ("versions", "groups", "point_formats", "srtp_profiles", "protocols", "server_name"):
        outcome(lambda name=name: getattr(read, name), DtlsError)
    outcome(lambda: dtls_messages.fingerprint(read), DtlsError)
    outcome(lambda: dtls_messages.ja3(read), DtlsError)


@given(st.binary(max_size=120))
def test_hostile_bytes_raise_nothing_but_dtls_error(data: bytes) -> None:
    read_all(data)


@given(
    st.lists(
        st.builds(Extension, st.sampled_from([0, 10, 11, 14, 16, 43]), st.binary(max_size=24)), max_size=4
    )
)
def test_hostile_extensions_raise_nothing_but_dtls_error(extensions: list[Extension]) -> None:
    read_all(dtls_messages.build_client_hello(hello(*extensions)))
