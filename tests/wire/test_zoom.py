"""Zoom's headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import rtp, zoom
from helpers.hostile import outcome

MEDIA = rtp.build(rtp.Packet(98, 7, 90, 9, b"media", extension=rtp.Extension(0xBEDE, bytes(4))))
REPORT = bytes.fromhex("80c80006" + "11" * 24)
SERVER_HEADER = bytes.fromhex("0500030000000004")


def media_header(media_type: int, size: int, mark: int = 2) -> bytes:
    """Return a media header in which byte 20 is ``mark``, as far as there is one."""
    return (bytes([media_type]) + bytes(19) + bytes([mark]) + bytes(20))[:size]


@pytest.mark.parametrize(
    ("media_type", "size", "mark", "inside"),
    [
        (15, 19, 2, MEDIA),
        (16, 24, 2, MEDIA),
        (16, 20, MEDIA[0], MEDIA),
        (13, 27, 2, MEDIA),
        (30, 20, MEDIA[0], MEDIA),
        (34, 16, REPORT[4], REPORT),
    ],
)
@pytest.mark.parametrize("server_header", [b"", SERVER_HEADER])
def test_media_is_found_behind_its_headers(
    media_type: int, size: int, mark: int, inside: bytes, server_header: bytes
) -> None:
    data = server_header + media_header(media_type, size, mark) + inside

    assert zoom.parse(data) == (bool(server_header), media_type, inside)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SERVER_HEADER,
        media_header(15, 19),
        media_header(15, 19) + MEDIA[:12],
        media_header(15, 19) + rtp.build(rtp.Packet(98, 7, 90, 9, b"no extension at all")),
        media_header(15, 19) + REPORT,
        media_header(34, 16) + REPORT[:-1],
        media_header(34, 16) + MEDIA,
        media_header(21, 19) + MEDIA,
        b"\x01" + bytes(25) + MEDIA,
    ],
)
def test_what_is_not_media_beyond_doubt_is_refused(data: bytes) -> None:
    assert outcome(lambda: zoom.parse(data), zoom.ZoomError) != "parsed"


@given(
    st.sampled_from([b"", SERVER_HEADER]), st.sampled_from([1, 13, 15, 16, 30, 33]), st.binary(max_size=80)
)
def test_hostile_bytes_raise_the_named_error_only(server_header: bytes, media_type: int, rest: bytes) -> None:
    outcome(lambda: zoom.parse(server_header + bytes([media_type]) + rest), zoom.ZoomError)
