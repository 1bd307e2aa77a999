import hashlib
import hmac
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import stun
from helpers.hexdata import load_hex
from helpers.hostile import outcome

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION_ID = bytes(range(12))
ATTRIBUTES = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=6)


@pytest.mark.parametrize("name", ["request", "ipv4_response", "ipv6_response"])
def test_rfc5769_short_term_messages_hold(name: str) -> None:
    data = load_hex(f"wire/stun_rfc5769_{name}")
    assert stun.is_stun(data)
    assert stun.verify_integrity(data, PASSWORD)
    assert stun.verify_fingerprint(data)


def test_rfc5769_long_term_message_holds() -> None:
    data = load_hex("wire/stun_rfc5769_long_term_request")
    key = stun.long_term_key("マトリックス", "example.org", "TheMatrIX")
    assert stun.verify_integrity(data, key)
    assert not stun.verify_integrity(data, PASSWORD)
    username = stun.parse(data).first(stun.USERNAME)
    assert username is not None
    assert username.decode() == "マトリックス"


@pytest.mark.parametrize(
    ("name", "mapped"),
    [
        ("ipv4_response", ("192.0.2.1", 32853)),
        ("ipv6_response", ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    ],
)
def test_rfc5769_mapped_address_is_read_and_written(name: str, mapped: tuple[str, int]) -> None:
    message = stun.parse(load_hex(f"wire/stun_rfc5769_{name}"))
    value = message.first(stun.XOR_MAPPED_ADDRESS)
    assert value is not None
    assert stun.unxor_address(value, message.transaction_id) == mapped
    assert stun.xor_address(mapped, message.transaction_id) == value


def test_a_flipped_bit_breaks_integrity_and_fingerprint() -> None:
    data = bytearray(load_hex("wire/stun_rfc5769_ipv4_response"))
    data[25] ^= 1
    assert not stun.verify_integrity(bytes(data), PASSWORD)
    assert not stun.verify_fingerprint(bytes(data))


@given(ATTRIBUTES, st.integers(0, 0x3FFF), st.binary(min_size=12, max_size=12))
def test_parse_gives_back_what_build_was_told(
    attributes: list[tuple[int, bytes]], message_type: int, transaction_id: bytes
) -> None:
    message = stun.Message(message_type, transaction_id, tuple(attributes))
    data = stun.build(message)
    assert stun.parse(data) == message
    assert stun.is_stun(data)
    assert len(data) % 4 == 0


@given(st.binary(max_size=80), st.binary(max_size=32))
def test_integrity_is_the_hmac_of_the_message_with_its_final_length(value: bytes, key: bytes) -> None:
    data = stun.build(stun.Message(1, TRANSACTION_ID, ((0x4000, value),)))
    protected = stun.add_integrity(data, key)
    told = (len(protected) - 20).to_bytes(2, "big")
    assert protected[-20:] == hmac.new(key, data[:2] + told + data[4:], hashlib.sha1).digest()
    assert stun.verify_integrity(protected, key)


def test_all_three_closing_attributes_hold_together() -> None:
    """SHA-1, SHA-256 and FINGERPRINT each cover what stands before them."""
    data = stun.add_integrity(stun.binding_request(TRANSACTION_ID), b"key")
    data = stun.add_integrity_sha256(data, b"key")
    told = (len(data) - 20).to_bytes(2, "big")
    assert data[-32:] == hmac.new(b"key", data[:2] + told + data[4:-36], hashlib.sha256).digest()
    data = stun.add_fingerprint(data)
    assert data[-4:] == (zlib.crc32(data[:-8]) ^ 0x5354554E).to_bytes(4, "big")
    assert stun.verify_integrity(data, b"key")
    assert stun.verify_fingerprint(data)
    assert not stun.verify_integrity(data, b"other")


def test_a_message_without_integrity_does_not_verify() -> None:
    assert not stun.verify_integrity(stun.binding_request(TRANSACTION_ID), b"")
    assert not stun.verify_fingerprint(stun.binding_request(TRANSACTION_ID))


def test_integrity_sha256_cut_below_16_bytes_does_not_verify() -> None:
    short = stun.build(stun.Message(1, TRANSACTION_ID, ((stun.MESSAGE_INTEGRITY_SHA256, b""),)))
    assert not stun.verify_integrity(short, b"key")


def test_a_binding_takes_20_bytes_and_its_answer_tells_the_mapped_address() -> None:
    assert len(stun.binding_request(TRANSACTION_ID)) == 20
    answer = stun.parse(stun.binding_response(TRANSACTION_ID, ("198.51.100.7", 4711)))
    assert answer.type == stun.BINDING_RESPONSE
    value = answer.first(stun.XOR_MAPPED_ADDRESS)
    assert value is not None
    assert stun.unxor_address(value, TRANSACTION_ID) == ("198.51.100.7", 4711)


def test_an_ipv4_mapped_ipv6_address_is_told_as_ipv4() -> None:
    assert stun.pack_address(("::ffff:192.0.2.1", 1)) == stun.pack_address(("192.0.2.1", 1))


def test_unpadded_attributes_of_old_whatsapp_are_read_on_demand() -> None:
    data = load_hex("wire/stun_unpadded_attributes")
    message = stun.parse(data, padded=False)
    assert message.attributes == (
        (0x4000, bytes.fromhex("aabbccddeeff")),
        (0x0022, bytes.fromhex("1122334455667788")),
    )
    with pytest.raises(stun.StunError, match="not a multiple of 4"):
        stun.parse(data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\0" * 19, "19 bytes are too short for a STUN header"),
        (b"\x80" + stun.binding_request(TRANSACTION_ID)[1:], "the two top bits of a STUN message are zero"),
        (b"\0\1" + b"\0" * 18, "the STUN magic cookie is missing"),
        (stun.binding_request(TRANSACTION_ID) + b"\0\0\0\0", "length 0 does not match 4 bytes"),
        (b"\0\1\0\4" + stun.binding_request(TRANSACTION_ID)[4:] + b"\0\6\0\4", "0x0006 at byte 20 runs over"),
    ],
)
def test_each_fault_has_its_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(stun.StunError, match=sentence):
        stun.parse(data)


def test_a_cut_off_attribute_header_has_its_sentence() -> None:
    data = b"\0\1\0\2" + stun.binding_request(TRANSACTION_ID)[4:] + b"\0\6"
    with pytest.raises(stun.StunError, match="header at byte 20 is cut off"):
        stun.parse(data, padded=False)


def test_what_does_not_fit_is_not_built() -> None:
    with pytest.raises(stun.StunError, match="12 bytes"):
        stun.build(stun.Message(1, b"short"))
    with pytest.raises(stun.StunError, match="14 bits"):
        stun.build(stun.Message(0x4000, TRANSACTION_ID))
    with pytest.raises(stun.StunError, match="65536 bytes do not fit"):
        stun.build(stun.Message(1, TRANSACTION_ID, ((1, bytes(65536)),)))
    with pytest.raises(stun.StunError, match="of attributes do not fit"):
        stun.build(stun.Message(1, TRANSACTION_ID, ((1, bytes(65535)),)))


@given(st.integers(300, 699), st.text(max_size=20))
def test_error_code_survives_the_round_trip(code: int, reason: str) -> None:
    assert stun.unpack_error(stun.pack_error(code, reason)) == (code, reason)


@pytest.mark.parametrize("value", [b"", b"\0\0\7\0", b"\0\0\4\x64"])
def test_an_impossible_error_code_is_refused(value: bytes) -> None:
    with pytest.raises(stun.StunError, match="within 300 and 699"):
        stun.unpack_error(value)


@given(st.binary(max_size=120), st.sampled_from([True, False]))
def test_hostile_bytes_raise_nothing_but_stun_error(tail: bytes, padded) -> None:
    header = b"\0\3" + len(tail).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + TRANSACTION_ID
    for data in (tail, header + tail):
        assert outcome(lambda data=data: stun.parse(data, padded=padded), stun.StunError)
        assert outcome(lambda data=data: stun.verify_integrity(data, b"key"), stun.StunError)
        assert outcome(lambda data=data: stun.verify_fingerprint(data), stun.StunError)
        assert stun.is_stun(data) is (data == header + tail)


@given(st.binary(max_size=40))
def test_hostile_values_raise_nothing_but_stun_error(value: bytes) -> None:
    assert outcome(lambda: stun.unxor_address(value, TRANSACTION_ID), stun.StunError)
    assert outcome(lambda: stun.unpack_error(value), stun.StunError)


def test_a_capture_reads_unpadded_attributes_whose_length_does_not_tell() -> None:
    """WhatsApp's allocate of 2020: 102, 16, 14 and 16 bytes, together a multiple of four."""
    sizes = (102, 16, 14, 16)
    body = b"".join(b"\x40\x00" + size.to_bytes(2, "big") + bytes(size) for size in sizes)
    data = b"\x00\x03" + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION_ID + body

    assert [len(value) for _, value in stun.read_loosely(data).attributes] == list(sizes)


@given(ATTRIBUTES, st.integers(0, 0x3FFF), st.binary(max_size=30))
def test_a_capture_reads_a_message_whatever_follows_it(
    attributes: list[tuple[int, bytes]], message_type: int, rest: bytes
) -> None:
    message = stun.Message(message_type, TRANSACTION_ID, tuple(attributes))

    assert stun.read_loosely(stun.build(message) + rest) == message


@given(ATTRIBUTES, st.integers(0, 200))
def test_a_capture_reads_what_is_left_of_a_cut_message(
    attributes: list[tuple[int, bytes]], kept: int
) -> None:
    """The attributes that are whole, and no other."""
    message = stun.Message(1, TRANSACTION_ID, tuple(attributes))
    data = stun.build(message)
    left = stun.read_loosely(data[: stun.HEADER_BYTES + kept]).attributes

    assert left == message.attributes[: len(left)]


def test_a_message_of_rfc_3489_has_sixteen_bytes_of_transaction_id() -> None:
    data = bytes.fromhex("0001 0008") + bytes(range(16)) + bytes.fromhex("0003 0004 00000000")

    assert stun.read_classic(data) == (1, bytes(range(16)), ((3, bytes(4)),))


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("0001 0008") + bytes(16) + bytes.fromhex("0003 0005 00000000"),
        bytes.fromhex("0001 0009") + bytes(16) + bytes.fromhex("0003 0004 00000000"),
        bytes.fromhex("4001 0000") + bytes(16),
        bytes.fromhex("0001 0000") + bytes(15),
        stun.binding_request(TRANSACTION_ID),
    ],
)
def test_a_message_of_rfc_3489_fits_to_the_byte_or_is_none(data: bytes) -> None:
    assert outcome(lambda: stun.read_classic(data), stun.StunError) != "parsed"


@given(data=st.binary(max_size=80), marked=st.booleans())
def test_reading_hostile_bytes_raises_the_named_error_only(*, data: bytes, marked: bool) -> None:
    """Also behind a header that is right."""
    told = bytes.fromhex("0001 0040 2112a442") + bytes(12) + data if marked else data
    outcome(lambda: stun.read_loosely(told), stun.StunError)
    outcome(lambda: stun.read_classic(told), stun.StunError)
