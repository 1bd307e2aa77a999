"""Who is answered, who is not, and what is remembered: the plane in virtual time with the real dialects."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callprobe.dialect import open_echo
from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.registry import find, names
from callprobe.dialect.replay_look import ReplayLook
from callprobe.dialect.trace import Trace
from callprobe.media.flow import Address
from callprobe.media.session import FlowRequest, SessionRequest
from callprobe.responder.limits import Limits
from callprobe.responder.plane import MAX_MOVES, BusyError, Outgoing, RefusedError, ResponderPlane
from callresults.addresses import find_addresses
from helpers.recorded import KEEPALIVE, recorded_trace, recording
from helpers.worlds import MS, PORTS, SECOND, bytes_to, make_plane, open_session, prove

SOURCE = ("203.0.113.7", 40_000)
MOVED = ("203.0.113.7", 40_001)
VICTIM = ("192.0.2.66", 53)
LOOKS = [name for name in names() if name != "open"]


def first(name: str, keys: FlowKeys) -> bytes:
    return find(name).requests(keys, 0)[0]


def send(plane: ResponderPlane, data: bytes, source: Address = SOURCE, now_ns: int = 0) -> list[Outgoing]:
    return plane.on_datagram(PORTS[0], now_ns, now_ns, source, data)


def tick_out(plane: ResponderPlane, until_ns: int) -> list[Outgoing]:
    out = []
    while (due := plane.next_deadline()) is not None and due <= until_ns:
        out += plane.on_time(due)
    return out


# --- who is answered ----------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_bytes_of_no_session_get_no_answer(data: bytes) -> None:
    plane = make_plane()
    open_session(plane, *LOOKS)
    assert send(plane, data) == []


@pytest.mark.parametrize("name", LOOKS)
def test_first_packet_of_a_granted_flow_is_answered_to_a_proved_host(name: str) -> None:
    plane = make_plane()
    _, (echo, keys) = open_session(plane, name)
    prove(plane, echo, SOURCE)
    (answer,) = send(plane, first(name, keys), MOVED)
    assert answer[:2] == (PORTS[0], MOVED)


def test_answer_longer_than_its_request_waits_for_proof_or_for_more_bytes() -> None:
    """A Telegram pong has 64 bytes, its ping 40."""
    plane = make_plane()
    _, (_, keys) = open_session(plane, "telegram-v2")
    assert send(plane, first("telegram-v2", keys)) == []
    assert len(send(plane, first("telegram-v2", keys))) == 1


def test_proved_host_gets_the_media_of_the_schedule_and_no_more() -> None:
    plane = make_plane()
    grant, (echo, keys) = open_session(plane, "telegram-v2")
    prove(plane, echo, SOURCE)
    send(plane, first("telegram-v2", keys))
    assert plane.begin_media(grant.session_id, SECOND)
    media = tick_out(plane, 10 * SECOND)
    record = plane.record(grant.session_id)
    assert record is not None
    assert len(media) == len(record.flows[1].sent_sequence) == 17
    assert plane.next_deadline() is None


def test_unproved_host_gets_media_only_for_media() -> None:
    plane = make_plane()
    grant, (_, keys) = open_session(plane, "random:telegram-v2")
    look = find("random:telegram-v2")
    slots = look.schedule("voice", 1.0, 5)
    for slot in slots[:5]:
        send(plane, look.media(keys, "up", slot), now_ns=slot.offset_ns)
        tick_out(plane, slot.offset_ns)
    media = tick_out(plane, 10 * SECOND)
    record = plane.record(grant.session_id)
    assert record is not None
    assert len(media) < 5
    assert len(record.flows[1].sent_sequence) <= 5
    assert sum(record.flows[1].received_sequence) == 10


# --- nobody is a weapon -------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_source_without_proof_is_ever_sent_more_than_came_from_it(draw: st.DataObject) -> None:
    """Whoever holds all keys and forges any source gains nothing: every source, bytes and packets."""
    plane = make_plane()
    grant, keys = open_session(plane, "telegram-v2", "whatsapp-2023", "random:telegram-v2", "webrtc-aiortc")
    echo, *flows = keys
    looks = [find(n) for n in ("telegram-v2", "whatsapp-2023", "random:telegram-v2", "webrtc-aiortc")]
    attacker, forged = ("192.0.2.1", 9), [("192.0.2.66", 53), ("192.0.2.66", 54), ("192.0.2.67", 53)]
    material = [data for look, key in zip(looks, flows, strict=True) for data in _all_of(look, key)]
    material += open_echo.OPEN.requests(echo, 0)
    received, sent, now_ns, nonce_answers = Counter[Address](), Counter[Address](), 0, list[bytes]()
    packets_in, packets_out = Counter[Address](), Counter[Address]()
    for _ in range(draw.draw(st.integers(1, 40))):
        now_ns += draw.draw(st.integers(0, 300)) * MS
        source = draw.draw(st.sampled_from([attacker, *forged]))
        proofs = [open_echo.proof(echo, answer) for answer in nonce_answers]
        data = draw.draw(st.sampled_from(material + proofs))
        port = draw.draw(st.sampled_from(PORTS))
        if draw.draw(st.booleans()):
            plane.begin_media(grant.session_id, now_ns)
        out = tick_out(plane, now_ns)
        received[source] += len(data)
        packets_in[source] += 1
        out += plane.on_datagram(port, now_ns, now_ns, source, data)
        # Only what goes to the attacker's own host can be read by it.
        nonce_answers += [data for _, peer, data in out if peer == attacker and len(data) == 64][:1]
        for _, peer, answer in out:
            sent[peer] += len(answer)
            packets_out[peer] += 1
        for victim in forged:
            assert sent[victim] <= received[victim]
            assert packets_out[victim] <= packets_in[victim]


def _all_of(look, keys: FlowKeys) -> list[bytes]:
    slots = look.schedule("voice", 1.0, 5)[:3]
    media = [look.media(keys, "up", slot) for slot in slots]
    return [*look.requests(keys, 0), *look.keepalive(keys, 0), *look.farewell(keys), *media]


def test_nonce_that_one_host_learnt_proves_no_other() -> None:
    """Ask from the own address, then forge request and proof from the victim's."""
    plane = make_plane()
    grant, (echo, keys) = open_session(plane, "telegram-v2")
    (request,) = open_echo.OPEN.requests(echo, 0)
    (answer,) = send(plane, request, ("192.0.2.1", 9))
    send(plane, request, VICTIM)
    send(plane, open_echo.proof(echo, answer.data), VICTIM)
    send(plane, first("telegram-v2", keys), VICTIM)
    plane.begin_media(grant.session_id, 0)
    assert bytes_to(tick_out(plane, 10 * SECOND), VICTIM) <= 40


def test_proof_must_carry_the_nonce() -> None:
    plane = make_plane()
    _, (echo, keys) = open_session(plane, "telegram-v2")
    (request,) = open_echo.OPEN.requests(echo, 0)
    send(plane, request)
    send(plane, open_echo.proof(echo, open_echo.answer(echo, bytes(16), request)))
    assert send(plane, first("telegram-v2", keys), MOVED) == []


# --- whose flow it is ---------------------------------------------------------------------------------


def test_nat_may_move_a_flow_to_another_port_of_the_same_host() -> None:
    plane = make_plane()
    grant, (echo, keys) = open_session(plane, "telegram-v2")
    prove(plane, echo, SOURCE)
    look = find("telegram-v2")
    slots = look.schedule("voice", 1.0, 5)
    send(plane, look.media(keys, "up", slots[0]), SOURCE)
    send(plane, look.media(keys, "up", slots[1]), MOVED)
    record = plane.record(grant.session_id)
    assert record is not None
    assert record.flows[1].received_sequence == (0, 1)
    assert {peer for _, peer, _ in tick_out(plane, SECOND)} == {MOVED}


def test_replayed_first_packet_draws_no_flow_away_from_a_proved_host() -> None:
    plane = make_plane()
    grant, (echo, keys) = open_session(plane, "telegram-v2")
    prove(plane, echo, SOURCE)
    send(plane, first("telegram-v2", keys), MOVED)
    assert send(plane, first("telegram-v2", keys), VICTIM) == []
    assert send(plane, open_echo.OPEN.requests(echo, 0)[0], VICTIM) == []
    plane.begin_media(grant.session_id, 0)
    assert {peer for _, peer, _ in tick_out(plane, SECOND)} == {MOVED}


def test_unproved_flow_moves_a_few_times_only() -> None:
    plane = make_plane()
    _, (_, keys) = open_session(plane, "webrtc-aiortc")
    request = first("webrtc-aiortc", keys)
    followed = [bool(send(plane, request, ("192.0.2.66", 1000 + n))) for n in range(MAX_MOVES + 5)]
    assert followed == [True] * (MAX_MOVES + 1) + [False] * 4


def test_new_session_behind_an_old_source_gets_its_own_flow() -> None:
    """A probe that was killed may come back with the same local port before its session has run out."""
    plane = make_plane()
    open_session(plane, "webrtc-aiortc")
    old, (_, old_keys) = open_session(plane, "webrtc-aiortc")
    send(plane, first("webrtc-aiortc", old_keys))
    new, (_, new_keys) = open_session(plane, "webrtc-aiortc")
    assert len(send(plane, first("webrtc-aiortc", new_keys))) == 1
    records = [plane.record(grant.session_id) for grant in (old, new)]
    assert [record.flows[1].control_received for record in records if record] == [1, 1]
    plane.begin_media(old.session_id, 0)
    assert tick_out(plane, SECOND) == []
    assert send(plane, first("webrtc-aiortc", old_keys)) != []


# --- limits and forgetting ----------------------------------------------------------------------------


def test_session_is_forgotten_after_its_lifetime() -> None:
    plane = make_plane(limits=Limits(session_lifetime_s=10))
    grant, (_, keys) = open_session(plane, "random:telegram-v2")
    send(plane, first("random:telegram-v2", keys))
    plane.expire(10 * SECOND - 1)
    assert plane.record(grant.session_id) is not None
    plane.expire(10 * SECOND)
    assert plane.record(grant.session_id) is None
    assert send(plane, first("random:telegram-v2", keys)) == []


def test_closed_sessions_leave_nothing_behind() -> None:
    plane = make_plane()
    for round_number in range(50):
        now_ns = round_number * SECOND
        grant, (echo, *keys) = open_session(plane, *LOOKS, now_ns=now_ns)
        prove(plane, echo, SOURCE, now_ns)
        for name, key in zip(LOOKS, keys, strict=True):
            source = ("203.0.113.7", 50_000 + LOOKS.index(name))
            send(plane, first(name, key), source, now_ns)
        plane.begin_media(grant.session_id, now_ns)
        assert plane.close_session(grant.session_id)
        tick_out(plane, now_ns)
    assert not plane._sessions
    assert not plane._by_ident
    assert not plane._by_source
    assert len(plane._due) <= len(LOOKS)
    assert not plane.close_session(grant.session_id)


def test_queue_of_media_holds_one_entry_per_flow_whatever_arrives() -> None:
    plane = make_plane()
    grant, (echo, keys) = open_session(plane, "telegram-v2", duration_s=60.0)
    prove(plane, echo, SOURCE)
    look = find("telegram-v2")
    for slot in look.schedule("voice", 60.0, 5):
        now_ns = slot.offset_ns
        tick_out(plane, now_ns)
        for data in (look.media(keys, "up", slot), first("telegram-v2", keys)):
            send(plane, data, now_ns=now_ns)
        plane.begin_media(grant.session_id, now_ns)
        assert len(plane._due) <= 2


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(max_schedule_packets=10), "too many packets: at most 10 per flow"),
        (Limits(max_session_packets=30), "too many packets: at most 30 in one session"),
    ],
)
def test_session_of_too_many_packets_is_refused_and_leaves_nothing_behind(
    limits: Limits, sentence: str
) -> None:
    plane = make_plane(limits=limits)
    with pytest.raises(RefusedError, match=sentence):
        open_session(plane, "telegram-v2", "random:telegram-v2")
    assert not plane._sessions
    assert not plane._by_ident


def test_more_sessions_than_the_limit_wait_until_one_has_run_out() -> None:
    plane = make_plane(limits=Limits(max_sessions=2, session_lifetime_s=10))
    open_session(plane)
    open_session(plane)
    with pytest.raises(BusyError, match="busy"):
        open_session(plane, now_ns=SECOND)
    open_session(plane, now_ns=10 * SECOND)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dialect": "skype-2004"}, "unknown dialect 'skype-2004'"),
        ({"media_duration_s": 181.0}, "media_duration_s must be within 0 and 180"),
        ({"media_duration_s": -1.0}, "media_duration_s must be within 0 and 180"),
    ],
)
def test_what_is_beyond_the_limits_is_refused_in_a_sentence(change: dict, sentence: str) -> None:
    wanted = {"dialect": "telegram-v2", "medium": "voice", "media_duration_s": 1.0, "schedule_seed": 1}
    request = SessionRequest(software_version="0", flows=(FlowRequest(**(wanted | change)),))
    with pytest.raises(RefusedError, match=sentence):
        make_plane().open_session(request, 0)


def test_more_flows_than_the_limit_are_refused() -> None:
    with pytest.raises(RefusedError, match="at most 16 in one session"):
        open_session(make_plane(), *["telegram-v2"] * 16)


def test_whip_duration_is_known_for_sessions_that_asked_for_a_call() -> None:
    plane = make_plane()
    grant = plane.open_session(SessionRequest(software_version="0", flows=(), whip_media_duration_s=8.0), 0)
    assert plane.whip_media_duration_s(grant.session_id) == 8.0
    assert plane.whip_media_duration_s("another") is None
    assert not plane.begin_media("another", 0)


# --- what is said of a source -------------------------------------------------------------------------


def test_record_names_the_network_and_no_address_in_any_form() -> None:
    plane = make_plane()
    grant, (echo, keys) = open_session(plane, "telegram-v2")
    prove(plane, echo, SOURCE)
    send(plane, first("telegram-v2", keys))
    record = plane.record(grant.session_id)
    assert record is not None
    assert (record.network_asn, record.network_cc, record.ip_version) == ("AS64496", "RU", "ipv4")
    assert not find_addresses(repr(record).encode(), [SOURCE[0]])


def test_network_is_that_of_a_proved_source_where_there_is_one() -> None:
    plane = make_plane()
    grant, (echo, keys) = open_session(plane, "random:telegram-v2")
    send(plane, first("random:telegram-v2", keys), VICTIM)
    record = plane.record(grant.session_id)
    assert record is not None
    assert record.network_asn == "AS0"
    prove(plane, echo, SOURCE)
    record = plane.record(grant.session_id)
    assert record is not None
    assert record.network_asn == "AS64496"


def test_driver_is_woken_when_media_begin_without_a_datagram() -> None:
    """A path that is cut upwards only must not keep the far end silent."""
    plane = make_plane()
    grant, (echo, keys) = open_session(plane, "telegram-v2")
    prove(plane, echo, SOURCE)
    send(plane, first("telegram-v2", keys))
    woken = []
    plane.wake = lambda: woken.append(plane.next_deadline())
    plane.begin_media(grant.session_id, 7 * SECOND)
    assert woken == [7 * SECOND]


# --- replays ------------------------------------------------------------------------------------------

TRACE = recorded_trace()
UP, DOWN = recording()
ORIGINAL, INVERTED, RANDOM = (
    f"{kind}:{TRACE.digest}" for kind in ("replay", "replay-inverted", "replay-random")
)


def replaying() -> ResponderPlane:
    """Return a plane at which the trace is laid down."""
    plane = make_plane()
    plane.lay_trace(Trace.unpack(TRACE.pack()), 0)
    return plane


def at(plane: ResponderPlane, port: int, data: bytes, source: Address, now_ns: int = 0) -> list[Outgoing]:
    return plane.on_datagram(port, now_ns, now_ns, source, data)


def port_of(grant, flow_id: int) -> int:
    port = grant.flows[flow_id].port
    assert port is not None
    return port


def test_the_far_end_plays_its_half_on_the_time_axis_of_the_probes_packets() -> None:
    plane = replaying()
    grant, (echo, _) = open_session(plane, ORIGINAL, duration_s=60.0)
    prove(plane, echo, SOURCE)
    assert at(plane, port_of(grant, 1), UP[0].payload, MOVED, SECOND) == []
    out = []
    while (due := plane.next_deadline()) is not None:
        out += [(due - SECOND, data) for _, peer, data in plane.on_time(due) if peer == MOVED]
    assert out == [(packet.offset_ns, packet.payload) for packet in DOWN]


def test_no_byte_of_a_trace_goes_to_a_host_that_is_not_proved() -> None:
    """They are whatever somebody chose, so not even as many as came from there."""
    plane = replaying()
    grant, _ = open_session(plane, ORIGINAL, INVERTED, RANDOM, duration_s=60.0)
    plane.begin_media(grant.session_id, 0)
    for number, packet in enumerate(UP):
        for port in PORTS:
            assert at(plane, port, packet.payload, VICTIM, number * MS) == []
    assert tick_out(plane, 600 * SECOND) == []
    record = plane.record(grant.session_id)
    assert record is not None
    assert len(record.flows[1].received_sequence) == len(UP)
    assert record.flows[1].sent_sequence == ()
    assert not record.proved


def test_a_packet_at_another_port_is_nobodys() -> None:
    plane = replaying()
    grant, _ = open_session(plane, ORIGINAL, duration_s=60.0)
    (other,) = set(PORTS) - {port_of(grant, 1)}
    at(plane, other, UP[0].payload, SOURCE)
    record = plane.record(grant.session_id)
    assert record is not None
    assert record.flows[1].received_sequence == ()


def test_two_sessions_that_replay_one_call_behind_one_address_do_not_mix() -> None:
    plane = replaying()
    grants = [open_session(plane, ORIGINAL, duration_s=60.0)[0] for _ in range(2)]
    for place, grant in enumerate(grants):
        for packet in UP[: 5 + place]:
            at(plane, port_of(grant, 1), packet.payload, (SOURCE[0], 50_000 + place))
    for place, grant in enumerate(grants):
        record = plane.record(grant.session_id)
        assert record is not None
        assert record.flows[1].received_sequence == tuple(range(5 + place))


def test_a_session_too_many_is_refused_whole_and_let_in_when_another_ends() -> None:
    """What was half made of it leaves no trace."""
    plane = replaying()
    grants = [open_session(plane, ORIGINAL, duration_s=60.0)[0] for _ in range(2)]
    for _ in range(3):
        with pytest.raises(BusyError, match="with others just now"):
            open_session(plane, RANDOM, ORIGINAL, duration_s=60.0)
    plane.close_session(grants[0].session_id)
    open_session(plane, RANDOM, ORIGINAL, duration_s=60.0)


def test_an_unknown_trace_is_refused_and_a_forgotten_one_too() -> None:
    plane = make_plane(limits=Limits(trace_lifetime_s=10.0))
    with pytest.raises(RefusedError, match="no trace of that name"):
        open_session(plane, ORIGINAL)
    plane.lay_trace(TRACE, 0)
    assert plane.has_trace(TRACE.digest, 9 * SECOND)
    open_session(plane, ORIGINAL, now_ns=18 * SECOND)
    with pytest.raises(RefusedError, match="no trace of that name"):
        open_session(plane, ORIGINAL, now_ns=29 * SECOND)


def test_a_short_packet_is_the_flows_once_its_source_is_known() -> None:
    """Alone it names nobody."""
    up = [*UP[:2], UP[2]._replace(payload=b"ka")]
    trace = Trace.of(up, DOWN[:4])
    plane = make_plane()
    plane.lay_trace(trace, 0)
    grant, _ = open_session(plane, f"replay:{trace.digest}", duration_s=60.0)
    for payload in (b"ka", UP[0].payload, b"ka", KEEPALIVE):
        at(plane, port_of(grant, 1), payload, SOURCE)
    record = plane.record(grant.session_id)
    assert record is not None
    assert record.flows[1].received_sequence == (0, 2)


def test_a_control_of_random_bytes_is_known_by_the_keys_of_its_flow() -> None:
    plane = replaying()
    grant, (_, first_keys, second_keys) = open_session(plane, RANDOM, RANDOM, duration_s=60.0)
    for flow_id, keys in ((1, first_keys), (2, second_keys)):
        look = ReplayLook(TRACE, "random").bound(keys)
        slots = look.schedule("voice", 90.0, 0)[:3]
        for slot in slots:
            at(plane, port_of(grant, flow_id), look.media(keys, "up", slot), (SOURCE[0], 50_000 + flow_id))
    record = plane.record(grant.session_id)
    assert record is not None
    assert [view.received_sequence for view in record.flows[1:]] == [(0, 1, 2)] * 2
