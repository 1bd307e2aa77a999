"""Which address captured."""

from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.tell.endpoint import capturing_endpoint, direction_of, host_of, is_private
from helpers.findings import FAR, OWN, RELAY, both_ways, findings, flow, path, stream, transaction

OWN6, FAR6 = "[2001:db8::2]:40000", "[2001:db8:ffff::1]:443"
PEER = "192.168.0.77:41000"


def test_the_private_end_of_a_call_captured() -> None:
    """It takes part in everything and has an address of a home."""
    found = findings(flows=both_ways(OWN, RELAY), rtp=(stream(OWN, RELAY, 0, 10),))

    assert capturing_endpoint(found) == ("192.168.0.2",)


def test_the_host_of_both_families_captured() -> None:
    """IPv4 and IPv6 of one host are told one after the other, by who asks."""
    found = findings(
        flows=(*both_ways(OWN, RELAY), *both_ways(OWN6, FAR6)),
        transactions=(transaction(OWN, RELAY, 0, 20.0), transaction(OWN6, FAR6, 0, 20.0)),
    )

    assert capturing_endpoint(found) == ("192.168.0.2", "2001:db8::2")


def test_who_waits_for_answers_captured() -> None:
    """Of two peers of one network, the one whose own answers take no time is where the capture lies."""
    found = findings(
        flows=both_ways(OWN, PEER),
        transactions=(transaction(OWN, PEER, 0, 40.0), transaction(PEER, OWN, 1, 0.2)),
        ice=(path(OWN, PEER, checks_from_b=1),),
    )

    assert capturing_endpoint(found) == ("192.168.0.2",)


def test_who_also_talks_to_others_captured() -> None:
    """Two peers are alike, but one of them is seen with a third host as well."""
    found = findings(
        flows=(*both_ways(OWN, PEER), *both_ways(OWN, "8.8.8.8:53")), rtp=(stream(PEER, OWN, 0, 10),)
    )

    assert capturing_endpoint(found) == ("192.168.0.2",)


def test_nobody_captured_where_both_ends_are_alike() -> None:
    """A stream between two hosts of one network could have been captured at either."""
    found = findings(flows=(flow(OWN, PEER),), rtp=(stream(OWN, PEER, 0, 10),))

    assert capturing_endpoint(found) == ()


def test_a_mirror_port_is_nobody() -> None:
    """Calls of many hosts with many others have no end in common."""
    pairs = [(f"192.168.0.{n}:1", f"203.0.113.{n}:2") for n in range(1, 9)]
    found = findings(
        flows=tuple(flow(a, b) for a, b in pairs), rtp=tuple(stream(a, b, 0, 10) for a, b in pairs)
    )

    assert capturing_endpoint(found) == ()


def test_a_server_is_nobody() -> None:
    """A host that many ask, and that asks nobody, sees calls of others."""
    clients = [f"198.51.100.{n}:1" for n in range(1, 5)]
    found = findings(
        flows=tuple(flow(client, RELAY) for client in clients),
        transactions=tuple(transaction(client, RELAY, 0, 0.1) for client in clients),
    )

    assert capturing_endpoint(found) == ()


def test_without_a_call_nobody_captured() -> None:
    """Other traffic, and what a machine says to itself, is not asked."""
    loop = "127.0.0.1:5000"
    found = findings(
        flows=(*both_ways(OWN, "8.8.8.8:53"), flow(loop, "127.0.0.1:6000")),
        rtp=(stream(loop, "127.0.0.1:6000", 0, 10),),
    )

    assert capturing_endpoint(found) == ()


def test_directions_follow_from_who_captured() -> None:
    """What it sent goes up; between strangers, and between its own addresses, there is no direction."""
    own = ("192.168.0.2", "2001:db8::2")

    assert direction_of(OWN, RELAY, own) == "up"
    assert direction_of(FAR6, OWN6, own) == "down"
    assert direction_of(RELAY, FAR, own) is None
    assert direction_of(OWN, OWN6, own) is None


def test_hosts_are_found_in_addresses() -> None:
    """With or without port and brackets."""
    hosts = {"1.2.3.4:5": "1.2.3.4", "1.2.3.4": "1.2.3.4", "[::1]:5": "::1", "::1": "::1", "": ""}

    assert {address: host_of(address) for address in hosts} == hosts


def test_private_addresses_are_known() -> None:
    """Addresses of homes and of carriers' inner networks are; those of documents stand for public ones."""
    assert [is_private(host) for host in ("10.1.2.3", "100.64.0.1", "fd00::1", "fe80::1%eth0")] == [True] * 4
    assert [is_private(host) for host in ("203.0.113.7", "2001:db8::1", "no address", "")] == [False] * 4


@given(st.text())
def test_any_text_has_a_host(text: str) -> None:
    """A name in place of an address breaks nothing."""
    assert isinstance(host_of(text), str)
    assert is_private(text) in {True, False}
