"""Datagrams between one client and one server, for the collectors of captures."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from callprobe.pcap.collect.encapsulation import unwrap
from callprobe.pcap.collect.exchanges import ExchangeCollector
from callprobe.pcap.layers.link import Dissector
from callprobe.pcap.packets import Address, UdpDatagram
from callprobe.pcap.reading.read import CaptureFile
from callprobe.wire import stun

CLIENT: Address = ("192.0.2.1", 4000)
SERVER: Address = ("198.51.100.2", 3478)
PEER: Address = ("203.0.113.9", 5000)
MS = 1_000_000


def up(at_ms: float, payload: bytes, server: Address = SERVER) -> UdpDatagram:
    """Return a datagram of the client's."""
    return UdpDatagram(1, round(at_ms * MS), CLIENT, server, payload, len(payload))


def down(at_ms: float, payload: bytes, server: Address = SERVER) -> UdpDatagram:
    """Return a datagram to the client."""
    return UdpDatagram(1, round(at_ms * MS), server, CLIENT, payload, len(payload))


def message(kind: int, transaction: int = 0, *attributes: tuple[int, bytes]) -> bytes:
    """Return a STUN message with a numbered transaction id."""
    return stun.build(stun.Message(kind, transaction.to_bytes(12, "big"), attributes))


def error(kind: int, transaction: int, code: int, *attributes: tuple[int, bytes]) -> bytes:
    """Return a STUN error response."""
    return message(kind, transaction, (stun.ERROR_CODE, stun.pack_error(code, "no")), *attributes)


def peer_attribute(transaction: int, peer: Address = PEER) -> tuple[int, bytes]:
    """Return XOR-PEER-ADDRESS for a message with that transaction id."""
    return stun.XOR_PEER_ADDRESS, stun.xor_address(peer, transaction.to_bytes(12, "big"))


def channel(payload: bytes, number: int = 0x4000) -> bytes:
    """Return channel data with its padding."""
    return number.to_bytes(2, "big") + len(payload).to_bytes(2, "big") + payload + bytes(-len(payload) % 4)


def collected(*datagrams: UdpDatagram, transport: str = "udp") -> ExchangeCollector:
    """Collect the exchanges of datagrams, what they wrap included."""
    collector = ExchangeCollector()
    for datagram in datagrams:
        for inner in unwrap(datagram.payload):
            collector.add(datagram, inner.payload, inner.encapsulation, transport)
    return collector


@cache
def collected_from(path: Path) -> tuple[ExchangeCollector, int]:
    """Collect the exchanges of a capture; also return the time of its first frame, ns since 1970."""
    dissector = Dissector()
    found = [(frame.epoch_ns, dissector.take(frame)) for frame in CaptureFile(path)]
    return collected(*(item for _, item in found if isinstance(item, UdpDatagram))), found[0][0]


def truths(shared: Path) -> list[dict[str, Any]]:
    """Return the truth of every shared capture."""
    files = sorted((shared / "captures" / "truth").glob("*.json"))
    return [json.loads(path.read_text()) for path in files if _is_truth(path)]


def vendor_truth(shared: Path, name: str) -> dict[str, Any]:
    """Return what is known of a capture's relays and reflectors."""
    found: dict[str, Any] = json.loads((shared / "captures" / "truth" / f"{name}.vendor.json").read_text())
    return found


def _is_truth(path: Path) -> bool:
    return not path.name.endswith((".vendor.json", ".ndpid_flows.json")) and not path.name.startswith("_")
