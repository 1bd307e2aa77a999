"""What could tell whose call it was goes; what a network could recognise the application by stays."""

import random
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.opening import kind_of
from callprobe.dialect.registry import find
from callprobe.pcap.replays.scrub import Scrubber
from callprobe.wire import stun
from callresults.addresses import find_addresses
from helpers.recorded import rtp

KEYS = FlowKeys(bytes(range(32)))
TRANSACTION = bytes(range(12))
OWN, PEER, RELAY = ("93.184.216.34", 40_123), ("2a00:1450:4001:81b::200e", 19_302), ("151.101.1.69", 3478)
HOSTS = [OWN[0], PEER[0], RELAY[0]]


def clean(*payloads: bytes, hosts: tuple[str, ...] = ()) -> list[bytes]:
    return Scrubber(hosts).clean_all(payloads)


def message(*attributes: tuple[int, bytes], kind: int = 0x0101) -> bytes:
    return stun.build(stun.Message(kind, TRANSACTION, attributes))


def shape(data: bytes) -> list[tuple[int, int]]:
    parsed = stun.parse(data)
    return [(kind, len(value)) for kind, value in parsed.attributes]


ADDRESSES = [
    (0x0001, stun.pack_address(OWN)),
    (0x0020, stun.xor_address(OWN, TRANSACTION)),
    (0x0020, stun.xor_address(PEER, TRANSACTION)),
    (0x0012, stun.xor_address(PEER, TRANSACTION)),
    (0x0016, stun.xor_address(RELAY, TRANSACTION)),
    (0x8023, stun.pack_address(RELAY)),
    (0x802B, stun.pack_address(OWN)),
    (0x802C, stun.pack_address(OWN)),
]


@pytest.mark.parametrize(("kind", "value"), ADDRESSES)
def test_addresses_become_documentation_addresses_of_their_family(kind: int, value: bytes) -> None:
    before = message((kind, value))
    (after,) = clean(before)
    found = stun.parse(after).first(kind)
    assert found is not None
    is_xored = kind in {0x0020, 0x0012, 0x0016}
    host, port = stun.unxor_address(found, TRANSACTION) if is_xored else stun.unpack_address(found)

    assert not find_addresses(after, HOSTS)
    assert shape(after) == shape(before)
    assert ip_address(host).version == (6 if value[1] == 2 else 4)
    assert host.startswith(("192.0.2.", "2001:db8::"))
    assert port >= 49_152


def test_one_address_has_one_stand_in_in_all_its_forms() -> None:
    """Also where it stands in the clear, reversed or as text in what nobody parses."""
    packed = ip_address(OWN[0]).packed
    told = message((0x0020, stun.xor_address(OWN, TRANSACTION)))
    loose = b"\x05\x06" + packed + b"--" + packed[::-1] + OWN[0].encode() + b"\x00" * 9
    first, second = clean(loose, told)

    assert not find_addresses(first + second, HOSTS)
    stand_in = stun.unxor_address(stun.parse(second).first(0x0020) or b"", TRANSACTION)[0]
    assert ip_address(stand_in).packed in first
    assert ip_address(stand_in).packed[::-1] in first
    assert len(first) == len(loose)


def test_the_ends_of_the_conversation_are_known_from_the_start() -> None:
    payload = b"\x05hello " + ip_address(OWN[0]).packed + OWN[0].encode()

    assert not find_addresses(clean(payload, hosts=(OWN[0],))[0], HOSTS)
    assert clean(payload) == [payload]


def test_user_names_keep_their_form_and_realms_of_services_stay() -> None:
    before = message(
        (0x0006, b"KCnk:czvd"),
        (0x0014, b"telegram.org"),
        (0x0014, b"turn.my-company.example"),
        (0x0022, b"a token 16 bytes"),
        kind=0x0003,
    )
    (after,) = clean(before)
    user, service, private, token = [value for _, value in stun.parse(after).attributes]

    assert shape(after) == shape(before)
    assert user != b"KCnk:czvd"
    assert user[4:5] == b":"
    assert user.replace(b":", b"").isalpha()
    assert service == b"telegram.org"
    assert (private.count(b"."), private.count(b"-")) == (2, 1)
    assert b"company" not in private
    assert token != b"a token 16 bytes"


def test_halves_of_a_user_name_are_the_same_in_both_orders() -> None:
    """An ICE check names both ends, the answering one first."""
    one, other = clean(*(message((0x0006, name)) for name in (b"KCnk:czvd", b"czvd:KCnk")))
    first, second = (stun.parse(data).first(0x0006) or b"" for data in (one, other))

    assert first.split(b":") == second.split(b":")[::-1]


def test_the_fingerprint_holds_again_and_a_wrong_one_stays_wrong() -> None:
    right = stun.add_fingerprint(message((0x0006, b"KCnk:czvd")))
    wrong = right[:-4] + b"\x00\x00\x00\x00"

    assert [stun.verify_fingerprint(data) for data in clean(right, wrong)] == [True, False]


def test_the_integrity_tag_goes_since_it_covers_what_went() -> None:
    signed = stun.add_integrity(message((0x0020, stun.xor_address(OWN, TRANSACTION))), b"key")
    (after,) = clean(signed)

    assert stun.parse(after).first(0x0008) != stun.parse(signed).first(0x0008)
    assert shape(after) == shape(signed)


def test_what_a_relay_carries_is_looked_into() -> None:
    inner = message((0x0020, stun.xor_address(OWN, TRANSACTION)))
    wrapped = [
        message((0x0013, inner), kind=0x0017),
        b"\x40\x01" + len(inner).to_bytes(2, "big") + inner,
        bytes(range(100, 120)) + len(inner).to_bytes(4, "big") + inner,
    ]
    for before, after in zip(wrapped, clean(*wrapped), strict=True):
        assert len(after) == len(before)
        assert not find_addresses(after, HOSTS)


def test_old_stun_is_scrubbed_too() -> None:
    """RFC 3489 had no cookie; attributes of WhatsApp's had no padding until 2020."""
    classic = struct.pack(">HH16s", 0x0101, 12, bytes(range(50, 66))) + struct.pack(
        ">HH8s", 0x0001, 8, stun.pack_address(OWN)
    )
    unpadded = struct.pack(">HHI12s", 0x0003, 10, stun.MAGIC_COOKIE, TRANSACTION) + struct.pack(
        ">HH6s", 0x4000, 6, b"secret"
    )
    after, token = clean(classic, unpadded)

    assert not find_addresses(after, HOSTS)
    assert (len(after), after[:24]) == (len(classic), classic[:24])
    assert b"secret" not in token
    assert token[:24] == unpadded[:24]


TAG = bytes(range(200, 216))
SELF_INFO = (
    TAG + b"\xff" * 12 + b"\xc7\x72\x15\xc0" + bytes(12)
    + bytes(10) + b"\xff\xff" + ip_address(OWN[0]).packed + OWN[1].to_bytes(4, "little")
)  # fmt: skip
PEER_INFO = (
    TAG + b"\xff" * 12 + b"\x1c\x37\xd9\x27"
    + ip_address(OWN[0]).packed[::-1] + OWN[1].to_bytes(4, "little")
    + ip_address(RELAY[0]).packed[::-1] + RELAY[1].to_bytes(4, "little")
)  # fmt: skip
PING = TAG + b"\xff" * 12 + b"\xfe\xff\xff\xff" + bytes(7) + b"{"


def test_reflector_messages_lose_tags_and_addresses_and_keep_their_look() -> None:
    """What libtgvoip and tgcalls say to Telegram's reflectors."""
    media = TAG + bytes(range(80))
    frame = TAG[:12] + b"abcd" + b"efgh" + (60).to_bytes(4, "big") + bytes(60)
    payloads = [media, PING, SELF_INFO, PEER_INFO, frame]
    scrubbed = clean(*payloads)

    assert [len(data) for data in scrubbed] == [len(data) for data in payloads]
    assert len({data[:12] for data in scrubbed}) == 1
    assert not any(TAG[:12] in data for data in scrubbed)
    assert scrubbed[0][16:] == media[16:]
    assert scrubbed[1][16:] == PING[16:]
    assert kind_of(scrubbed[1]) == "relay_ping"
    assert scrubbed[2][16:44] == SELF_INFO[16:44]
    assert all(not find_addresses(data, HOSTS) for data in scrubbed)
    assert b"abcd" not in scrubbed[4]
    assert scrubbed[4][20:] == frame[20:]


def test_encrypted_media_stay_and_sound_in_the_clear_becomes_noise() -> None:
    rng = random.Random(1)
    opus, g711 = rtp(1, b"ssrc", rng), rtp(2, b"ssrc", rng, 172)
    g711 = g711[:1] + b"\x00" + g711[2:]
    again = g711[:3] + b"\x09" + g711[4:]
    cleaned = clean(opus, g711, again)

    assert cleaned[0] == opus
    assert cleaned[1][:12] == g711[:12]
    assert cleaned[1][12:] != g711[12:]
    assert cleaned[1][12:] != cleaned[2][12:]


def test_texts_of_rtcp_go() -> None:
    name = b"ada@93.184.216.34"
    chunk = b"ssrc" + bytes((1, len(name))) + name + b"\x00"
    sdes = b"\x81\xca" + (-(-len(chunk) // 4)).to_bytes(2, "big") + chunk + bytes(-len(chunk) % 4)
    report = b"\x80\xc9\x00\x01ssrc"
    (after,) = clean(report + sdes)

    assert len(after) == len(report + sdes)
    assert b"ada" not in after
    assert not find_addresses(after, HOSTS)
    assert after[:18] == (report + sdes)[:18]


def test_discords_discovery_and_sip_lose_what_they_say() -> None:
    discovery = b"\x00\x02\x00\x46ssrc" + OWN[0].encode().ljust(64, b"\x00") + b"\x9c\xbb"
    asking = b"\x00\x01\x00\x46ssrc" + bytes(66)
    via = b"Via: SIP/2.0/UDP 93.184.216.34:5060\r\nFrom: <sip:ada@x>\r\n\r\nv=0\r\n"
    invite = b"INVITE sip:ada@example.org SIP/2.0\r\n" + via
    answer = b"SIP/2.0 200 OK\r\nTo: <sip:ada@x>\r\n\r\n"
    cleaned = clean(discovery, asking, invite, answer)

    assert [len(data) for data in cleaned] == [len(data) for data in (discovery, asking, invite, answer)]
    assert not any(find_addresses(data, HOSTS) or b"ada" in data for data in cleaned)
    assert cleaned[0][:8] == discovery[:8]
    assert cleaned[1] == asking
    assert cleaned[2].startswith(b"INVITE ")
    assert b"\r\nVia:" in cleaned[2]
    assert cleaned[3].startswith(b"SIP/2.0 200")


@pytest.mark.parametrize("name", ["whatsapp-2023", "telegram-v2", "webrtc-aiortc"])
def test_the_looks_of_this_project_stay_what_they_are(name: str) -> None:
    """Whatever is replaced, a packet of a call is of the same kind as before."""
    look = find(name)
    slots = look.schedule("voice", 5.0, 1)
    requests = [data for attempt in range(3) for data in look.requests(KEYS, attempt)]
    payloads = requests + [look.media(KEYS, "up", slot) for slot in slots]
    cleaned = clean(*payloads)

    assert [len(data) for data in cleaned] == [len(data) for data in payloads]
    assert [kind_of(data) for data in cleaned] == [kind_of(data) for data in payloads]
    assert [stun.is_stun(data) for data in cleaned] == [stun.is_stun(data) for data in payloads]


def test_the_same_call_gives_the_same_bytes_and_they_tell_nothing_of_the_old_ones() -> None:
    """Replacements follow the order of appearance."""
    one, other = (message((0x0020, stun.xor_address(end, TRANSACTION))) for end in (OWN, RELAY))

    assert clean(one) == clean(one) == clean(other)


def test_a_short_handshake_is_no_frame_of_a_relay() -> None:
    """The length of its empty body stands where a frame has its own."""
    done = bytes.fromhex("16fefd0000000000000009000c0e0000000004000000000000")

    assert clean(done) == [done]


def test_packets_that_were_changed_are_counted() -> None:
    scrubber = Scrubber()
    scrubber.clean_all([message((0x0006, b"a:b")), b"\x80\x6f" + bytes(40), message()])

    assert scrubber.changed_packets == 1


@given(st.lists(st.binary(max_size=100), max_size=6))
def test_any_bytes_keep_their_length(payloads: list[bytes]) -> None:
    assert [len(data) for data in clean(*payloads)] == [len(data) for data in payloads]


@given(
    st.sampled_from(
        [PING, SELF_INFO, PEER_INFO, message(*ADDRESSES), b"\x40\x00\x00\x08\x40\x00\x00\x04\x40\0\0\0"]
    ),
    st.integers(0, 200),
    st.binary(max_size=12),
)
def test_damaged_messages_keep_their_length(payload: bytes, at: int, patch: bytes) -> None:
    damaged = payload[:at] + patch + payload[at + len(patch) :]

    assert [len(data) for data in clean(damaged, payload)] == [len(damaged), len(payload)]


def test_wrappings_within_wrappings_come_to_an_end() -> None:
    """As deep as a datagram can hold them."""
    payload = b"\x80" * 12
    while len(payload) < 1400:
        payload = b"\x40\x00" + len(payload).to_bytes(2, "big") + payload

    assert clean(payload)[0] == payload
