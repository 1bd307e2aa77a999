"""The questions that rules ask of findings."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from msgspec.structs import replace

from callprobe.pcap.dissect import Findings, dissect
from callprobe.pcap.recognise import service_facts as ask
from callprobe.pcap.recognise.distance import traits_of
from callprobe.pcap.streams.rtp_streams import RtpStream
from callprobe.pcap.write import CaptureWriter

VOICE: RtpStream = traits_of("whatsapp-2023").rtp[0]


@pytest.fixture
def found(tmp_path: Path) -> Findings:
    """Return what is found in a capture with one flow to a documentation address."""
    writer = CaptureWriter(tmp_path / "some.pcap")
    for number in range(3):
        writer.write(number, ("192.0.2.1", 40000), ("198.51.100.7", 596), bytes(50))
        writer.write(number, ("2001:db8::1", 40000), ("2001:db8:1::2", 5000), bytes(50))
    writer.close()
    return dissect(tmp_path / "some.pcap")


@pytest.mark.parametrize(
    ("end", "port"), [("192.0.2.1:596", 596), ("[2001:db8::1]:443", 443), ("192.0.2.1:", 0), ("", 0)]
)
def test_port_is_what_follows_the_last_colon(end: str, port: int) -> None:
    """Where there is none it is 0."""
    assert ask.port_of(end) == port


def test_flows_are_found_by_network_and_port(found: Findings) -> None:
    """Either end counts; versions of IP are not mixed up."""
    assert ask.flows_at(found, (ip_network("198.51.100.0/24"),)) == 1
    assert ask.flows_at(found, (ip_network("2001:db8:1::/48"),)) == 1
    assert ask.flows_at(found, (ip_network("203.0.113.0/24"), ip_network("::/0"))) == 1
    assert ask.flow_packets_at_port(found, 596, 597) == 3


def test_stun_over_udp_and_tcp_is_counted_together(found: Findings) -> None:
    """Types, attributes, realms."""
    udp = replace(found.stun, by_type={"0x0003": 2}, attributes={"0x4000": 2}, realms={"Signal.org": 1})
    tcp = replace(found.stun_tcp, by_type={"0x0003": 1}, attributes={"0x4001": 5}, realms={"example.org": 1})
    both = replace(found, stun=udp, stun_tcp=tcp)

    assert ask.types(both, "0x0003", "0x0103") == 3
    assert ask.attributes(both, "0x4000", "0x4001") == 7
    assert ask.different_attributes(both, "0x4000", "0x4001", "0x4002") == 2
    assert (ask.realms(both, "signal.org"), ask.realms_with(both, "example")) == (1, 1)


def test_a_stream_has_the_type_and_extension_of_most_of_its_packets() -> None:
    """A few others change nothing."""
    stream = replace(
        VOICE, packets=10, payload_types={120: 8, 13: 2}, extension_profiles={"0xdebe": 2, "0x1": 1}
    )

    assert ask.has_type(stream, 120)
    assert not ask.has_type(stream, 13)
    assert ask.has_profile(stream, "0xdebe")
    assert not ask.has_profile(replace(stream, extension_profiles={}), "0xdebe")


def test_both_ways_needs_two_streams_of_one_pair(found: Findings) -> None:
    """Two streams in one direction are one way."""
    back = replace(VOICE, src=VOICE.dst, dst=VOICE.src)

    assert ask.both_ways(replace(found, rtp=(VOICE, back)))
    assert not ask.both_ways(replace(found, rtp=(VOICE, VOICE)))
