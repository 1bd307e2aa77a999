"""What is kept of STUN messages."""

from collections import Counter

import pytest

from callprobe.pcap.collect.stun_digest import (
    Digest,
    by_code,
    by_number,
    fingerprint_holds,
    first_values,
    text_of,
)
from callprobe.wire import ms_turn, stun
from helpers.exchanged import error, message


def digest(payload: bytes) -> Digest:
    read = stun.read_loosely(payload)
    return Digest(read, first_values(read))


def test_a_digest_holds_what_a_message_tells() -> None:
    found = digest(error(0x0113, 1, 401, (stun.REALM, b"example.org"), (stun.SOFTWARE, b"None ")))

    assert (found.kind, found.error_code, found.realm, found.software) == (0x0113, 401, "example.org", "None")
    assert found.attributes == (stun.ERROR_CODE, stun.REALM, stun.SOFTWARE)
    assert (found.lifetime_s, found.username_shape) == (None, None)


@pytest.mark.parametrize(
    ("username", "shape"),
    [
        (b"KCnk:czvd", "4:4"),
        (b"1731967329:1711c31cf37f91ee21", "10:18"),
        (b"a:b:c:d:e", "9"),
        (bytes([2, 58, 200]), "3"),
        (b"", "0"),
    ],
)
def test_a_user_name_becomes_a_shape(username: bytes, shape: str) -> None:
    """Lengths between colons; a binary one, or one of many parts, is one length."""
    assert digest(message(1, 1, (stun.USERNAME, username))).username_shape == shape


@pytest.mark.parametrize("value", [b"\xff\xfe", b"line\nbreak", b"x" * 65])
def test_what_is_no_short_text_is_not_told(value: bytes) -> None:
    assert text_of(value) is None


def test_values_of_impossible_size_are_not_told() -> None:
    found = digest(message(0x0113, 1, (stun.LIFETIME, b"\1"), (stun.ERROR_CODE, b"\1")))

    assert (found.lifetime_s, found.error_code) == (None, None)


def test_of_repeated_attributes_the_first_counts() -> None:
    """RFC 8489 section 14."""
    read = stun.read_loosely(message(1, 1, (stun.SOFTWARE, b"one"), (stun.SOFTWARE, b"two")))

    assert first_values(read)[stun.SOFTWARE] == b"one"


def test_microsoft_s_realm_is_where_its_cookie_says() -> None:
    cookie = (ms_turn.MAGIC_COOKIE_ATTRIBUTE, ms_turn.MAGIC_COOKIE)
    attributes = ((0x0014, b"fourteen"), (0x0015, b"fifteen"))

    assert digest(message(3, 1, *attributes)).realm == "fourteen"
    assert digest(message(3, 1, cookie, *attributes)).realm == "fifteen"


def test_a_fingerprint_is_doubted_only_where_it_can_be_checked() -> None:
    right = stun.add_fingerprint(message(1, 1))
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    elsewhere = message(1, 1, (stun.FINGERPRINT, bytes(4)), (stun.SOFTWARE, b"after it"))

    assert fingerprint_holds(right + b"more", stun.read_loosely(right))
    assert not fingerprint_holds(wrong, stun.read_loosely(wrong))
    assert fingerprint_holds(elsewhere, stun.read_loosely(elsewhere))


def test_numbers_are_told_in_hexadecimal() -> None:
    assert by_number(Counter({0x0101: 2, 1: 3})) == {"0x0001": 3, "0x0101": 2}


def test_an_error_without_a_code_is_told_as_unknown() -> None:
    assert by_code(Counter({401: 2, 0: 1})) == {"unknown": 1, "401": 2}
