import subprocess

import pytest

from callprobe.wire import dtls_names


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (dtls_names.cipher_name(0xC02F), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (dtls_names.cipher_name(0xABCD), "0xabcd"),
        (dtls_names.srtp_profile_name(8), "SRTP_AEAD_AES_256_GCM"),
        (dtls_names.srtp_profile_name(0x99), "0x0099"),
        (dtls_names.alert_name(40), "handshake_failure"),
        (dtls_names.alert_name(250), "250"),
        (dtls_names.alert_level_name(2), "fatal"),
        (dtls_names.alert_level_name(9), "9"),
        (dtls_names.handshake_name(1), "ClientHello"),
        (dtls_names.handshake_name(99), "99"),
    ],
)
def test_numbers_have_names_or_stay_numbers(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.peer("tshark")
def test_wireshark_calls_them_the_same() -> None:
    """Every cipher suite and SRTP profile that both name has one name."""
    lines = subprocess.run(["tshark", "-G", "values"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in lines.splitlines() if line.startswith("V\tdtls.")]
    named = {(row[1], int(row[2], 0)): row[3] for row in rows}
    for field, ours in (
        ("dtls.handshake.ciphersuite", dtls_names.CIPHERS),
        ("dtls.use_srtp.protection_profile", dtls_names.SRTP_PROFILES),
    ):
        theirs = {number: named[field, number] for number in ours if (field, number) in named}
        assert theirs == {number: ours[number] for number in theirs}
        assert theirs
