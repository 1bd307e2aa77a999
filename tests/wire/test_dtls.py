import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import dtls
from callprobe.wire.dtls import ContentType, DtlsError, Fragment, Record
from helpers.hexdata import load_hex
from helpers.hostile import outcome

HELLO = load_hex("wire/dtls_client_hello")


def read(data: bytes, *, cut: bool = False) -> list[Fragment]:
    """Return the handshake messages in all records of a datagram."""
    return [part for record in dtls.records(data, cut=cut) for part in dtls.fragments(record)]


def test_a_record_is_read_field_by_field() -> None:
    (record,) = dtls.records(HELLO)

    assert record == Record(
        content_type=ContentType.HANDSHAKE, version=0xFEFF, epoch=0, sequence=0, fragment=HELLO[13:], size=140
    )


def test_epoch_and_sequence_number_are_told_apart() -> None:
    (record,) = dtls.records(bytes.fromhex("17fefd 0001 00010203040a 0002 abcd"))

    assert (record.epoch, record.sequence) == (1, 0x00010203040A)


def test_several_records_share_a_datagram() -> None:
    data = HELLO + dtls.build_record(20, b"\x01") + dtls.build_record(22, bytes(40), epoch=1)

    assert [record.content_type for record in dtls.records(data)] == [22, 20, 22]


def test_what_is_whole_is_read_before_the_fault() -> None:
    records = dtls.records(HELLO + b"\x16\xfe\xfd")

    assert next(records).size == 140
    with pytest.raises(DtlsError, match="record at byte 153 is too short for its header"):
        next(records)


def test_records_with_the_short_header_show_two_bits_of_their_epoch() -> None:
    handshake, data = dtls.records(load_hex("wire/dtls13_short_records"))

    assert handshake == Record(None, None, 2, None, bytes(range(16)), 16)
    assert (data.epoch, data.size) == (3, 17)


def test_a_record_with_a_connection_id_fills_the_datagram() -> None:
    (long,) = dtls.records(bytes.fromhex("19fefd 0001 000000000001 aabbccdd 0002 0102"))
    (short,) = dtls.records(bytes.fromhex("32 aabb") + bytes(20))

    assert (long.content_type, long.size) == (ContentType.WITH_CONNECTION_ID, 6)
    assert (short.epoch, short.size) == (2, 21)


def test_a_handshake_message_is_read_field_by_field() -> None:
    (part,) = read(HELLO)

    assert part == Fragment(kind=1, size=128, message_seq=0, offset=0, body=HELLO[25:], part_size=128)
    assert part.whole


def test_several_messages_share_a_record() -> None:
    done = dtls.build_fragment(Fragment(14, 0, 3, 0, b"", 0))
    record = dtls.build_record(22, dtls.build_fragment(Fragment(12, 3, 2, 0, b"abc", 3)) + done)

    assert [(part.kind, part.message_seq) for part in read(record)] == [(12, 2), (14, 3)]


def test_a_part_tells_its_place() -> None:
    (part,) = read(dtls.build_record(22, dtls.build_fragment(Fragment(11, 900, 1, 300, b"x" * 200, 200))))

    assert (part.size, part.offset, part.whole) == (900, 300, False)


def test_what_the_capture_cut_is_read_to_the_cut() -> None:
    (part,) = read(HELLO[:60], cut=True)

    assert (part.kind, part.size, len(part.body), part.whole) == (1, 128, 35, False)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("16fefd0000", "record at byte 0 is too short"),
        ("16fefc0000000000000000000101", "parsed"),
        ("16030100000000000000000000", "type 22 and version 0x0301"),
        ("80fefd00000000000000000000", "type 128"),
        ("16fefd00000000000000000005aa", "does not have the 5 bytes"),
        ("16fefd000000000000000048ff", "does not have the 18687 bytes"),
        ("2c0000", "short record at byte 0"),
        ("2e00000011" + "00" * 16, "short record at byte 0"),
    ],
)
def test_each_faulty_record_has_its_sentence(data: str, sentence: str) -> None:
    assert sentence in outcome(lambda: list(dtls.records(bytes.fromhex(data))), DtlsError)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("0100", "too short for its header"),
        ("010000100000000000000010aa", "runs over the end"),
        ("01000004000000000200000301", "outside its handshake message of 4 bytes"),
    ],
)
def test_each_faulty_message_has_its_sentence(body: str, sentence: str) -> None:
    record = dtls.build_record(22, bytes.fromhex(body))

    assert sentence in outcome(lambda: read(record), DtlsError)


@given(
    st.sampled_from(ContentType).filter(lambda kind: kind is not ContentType.WITH_CONNECTION_ID),
    st.binary(max_size=60),
    st.sampled_from(sorted(dtls.VERSIONS)),
    st.integers(0, 0xFFFF),
    st.integers(0, (1 << 48) - 1),
)
def test_what_is_built_is_read_back(
    kind: ContentType, body: bytes, version: int, epoch: int, sequence: int
) -> None:
    record = dtls.build_record(kind, body, version=version, epoch=epoch, sequence=sequence)

    assert list(dtls.records(record)) == [Record(kind, version, epoch, sequence, body, len(body))]


@given(st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 50), st.binary(max_size=50))
def test_a_built_part_is_read_back(kind: int, sequence: int, offset: int, body: bytes) -> None:
    part = Fragment(kind, 100, sequence, offset, body, len(body))

    assert read(dtls.build_record(22, dtls.build_fragment(part))) == [part]


@given(
    tail=st.binary(max_size=90), cut=st.booleans(), head=st.sampled_from(["", "16fefd", "17feff", "2c", "3f"])
)
def test_hostile_bytes_raise_nothing_but_dtls_error(tail: bytes, *, cut: bool, head: str) -> None:
    data = bytes.fromhex(head) + tail

    assert outcome(lambda: read(data, cut=cut), DtlsError)


@given(body=st.binary(max_size=60), cut=st.booleans())
def test_hostile_messages_raise_nothing_but_dtls_error(body: bytes, *, cut: bool) -> None:
    record = Record(ContentType.HANDSHAKE, 0xFEFD, 0, 0, body, len(body) + 5 * cut)

    assert outcome(lambda: list(dtls.fragments(record)), DtlsError)
