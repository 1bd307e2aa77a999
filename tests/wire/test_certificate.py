import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import certificate
from callprobe.wire.certificate import Attribute, CertificateError
from helpers.hexdata import load_hex
from helpers.hostile import outcome

DER = load_hex("wire/certificate")


def test_subject_and_issuer_are_read_in_their_order() -> None:
    names = certificate.names(DER)

    assert names.subject == (
        Attribute(certificate.COUNTRY, "NL"),
        Attribute("2.5.4.10", "Example Calls"),
        Attribute(certificate.COMMON_NAME, "Тест WebRTC"),
    )
    assert names.issuer == (
        Attribute(certificate.COMMON_NAME, "Example Root"),
        Attribute("1.2.840.113549.1.9.1", "root@example.org"),
    )


def test_a_certificate_of_version_1_has_no_version_field() -> None:
    name = "300e310c300a06035504030c0361626364"[:-2]
    fields = "020101" + "3000" + name + "3000" + name + "3000"
    inner = f"30{len(fields) // 2:02x}" + fields
    names = certificate.names(bytes.fromhex(f"30{len(inner) // 2:02x}" + inner))

    assert names.subject == names.issuer == (Attribute(certificate.COMMON_NAME, "abc"),)


@pytest.mark.parametrize(
    ("der", "sentence"),
    [
        (b"", "at byte 0 is cut off"),
        (b"\x30\x05\x30", "at byte 0 runs over the end"),
        (b"\x31\x00", "tag 0x31 stands where 0x30 should"),
        (bytes.fromhex("30023000"), "more than 0 fields"),
    ],
)
def test_each_fault_has_its_sentence(der: bytes, sentence: str) -> None:
    with pytest.raises(CertificateError, match=sentence):
        certificate.names(der)


@given(st.binary(max_size=100))
def test_hostile_bytes_raise_nothing_but_certificate_error(data: bytes) -> None:
    assert outcome(lambda: certificate.names(data), CertificateError)


@given(st.integers(0, len(DER) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_certificate_raises_nothing_but_certificate_error(at: int, damage: bytes) -> None:
    assert outcome(lambda: certificate.names(DER[:at] + damage + DER[at + len(damage) :]), CertificateError)
    assert outcome(lambda: certificate.names(DER[:at]), CertificateError)


def test_an_endless_object_identifier_is_refused() -> None:
    identifier = b"\xff" * 5000
    pair = b"\x06\x82" + len(identifier).to_bytes(2, "big") + identifier + b"\x0c\x01a"
    wrapped = pair
    for tag in (0x30, 0x31, 0x30):
        wrapped = bytes([tag, 0x82]) + len(wrapped).to_bytes(2, "big") + wrapped
    fields = b"\x02\x01\x01\x30\x00" + wrapped + b"\x30\x00" + wrapped
    for tag in (0x30, 0x30):
        fields = bytes([tag, 0x82]) + len(fields).to_bytes(2, "big") + fields

    with pytest.raises(CertificateError, match="identifier of 5000 bytes is too long"):
        certificate.names(fields)
