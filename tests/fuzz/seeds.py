"""Writes the inputs that fuzzing starts from: valid messages of every look and wire format, small files.

Run once for a new target; what fuzzing adds is stored by ``tests/fuzz/run.py --keep``.
"""

import base64
import ssl
import struct
import sys
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from callprobe.censor.policy import load_policy  # noqa: E402
from callprobe.dialect.contract import FlowKeys  # noqa: E402
from callprobe.dialect.registry import LOOKS, find  # noqa: E402
from callprobe.dialect.trace import Trace, TracePacket  # noqa: E402
from callprobe.lab.captures import capture_call, write_capture  # noqa: E402
from callprobe.wire import stun  # noqa: E402
from callresults.packet_record import DirectionRecord, FlowRecord, PacketRow, encode  # noqa: E402
from fuzz.targets import Target, store, stored, targets  # noqa: E402 - run as a program
from helpers.hexdata import DATA, load_hex  # noqa: E402

KEYS = FlowKeys(bytes(range(32)))
CLEAN = ROOT / "scenarios" / "censors" / "clean.toml"


def packets_of(name: str) -> list[bytes]:
    """Return one of each packet of a look."""
    look = find(name)
    packets = [*look.requests(KEYS, 0), *look.keepalive(KEYS, 0), *look.farewell(KEYS)]
    answers = [look.answers(KEYS, 1_754_902_800_000, ("203.0.113.7", 40000), data) for data in packets]
    schedule = look.schedule("voice", 1.0, 1)[:3]
    media = [look.media(KEYS, direction, slot) for direction in ("up", "down") for slot in schedule]
    return [*packets, *(data for answer in answers for data in answer), *media]


def rtcp_packets() -> list[bytes]:
    """Return a sender report with a block, a receiver report, and a compound of them."""
    block = struct.pack(">IIIIII", 0x1234, 0x05_000010, 70_000, 480, 0x12345678, 65536)
    sender = struct.pack(">BBHIQIII", 0x81, 200, 12, 0x5678, 1 << 63, 90_000, 50, 5000) + block
    receiver = struct.pack(">BBHI", 0x81, 201, 7, 0x5678) + block
    feedback = struct.pack(">BBHIIHH", 0x81, 205, 3, 0x5678, 0x1234, 17, 3)
    goodbye = struct.pack(">BBHI", 0x81, 203, 1, 0x5678)
    return [sender, receiver, feedback, goodbye, sender + receiver + goodbye]


def captures() -> list[bytes]:
    """Return the first packets of a captured call of each look, as files."""
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for look in LOOKS:
            path = Path(folder) / "call.pcap"
            write_capture(path, capture_call(look, load_policy(CLEAN), seed=1, duration_s=1.0).seen[:12])
            files.append(path.read_bytes())
    return files


def golden() -> list[bytes]:
    """Return the stored bytes of wire formats, and handshake messages without their record headers."""
    whole = [load_hex(f"wire/{path.stem}") for path in sorted((DATA / "wire").glob("*.hex"))]
    bodies = [data[25:] for data in whole if data[:1] == b"\x16"]
    return [*whole, *bodies, bytes.fromhex("0228")]


def dumps() -> list[bytes]:
    """Return browsers' dumps, shortened to what fuzzing can carry."""
    return [path.read_bytes()[:4096] for path in sorted((DATA / "dumps").glob("*.[jt]*"))]


def traces() -> list[bytes]:
    """Return what the ends of a replay tell each other of two small traces."""
    packets = [TracePacket(number * 20_000_000, bytes([number] * 40)) for number in range(3)]
    packed = [Trace.of(packets, packets[:2]).pack(), Trace.of(packets[:1], []).pack()]
    return [*packed, *map(zlib.decompress, packed)]


def packet_records() -> list[bytes]:
    """Return the record of a few packets, as it travels and unpacked."""
    rows = [PacketRow(number, 172, number * 20_000, number * 20_000 + 31) for number in range(4)]
    lost = rows[1]._replace(arrival_us=None)
    up = DirectionRecord(sent_known=True, arrivals_known=True, rows=tuple(rows))
    down = up._replace(rows=(rows[0], lost))
    text = encode(FlowRecord(up, down))
    return [text.encode(), zlib.decompress(base64.b64decode(text))]


def names() -> list[bytes]:
    """Return a TLS ClientHello and a DNS question."""
    hello = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="example.org")
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return [hello.read(), bytes.fromhex("123401000001000000000000 07") + b"example\x03org\0\0\x01\0\x01"]


SIP = b"""INVITE sip:bob@example.org SIP/2.0\r\nCall-ID: 17@192.0.2.1\r\nCSeq: 1 INVITE\r\n\r
c=IN IP4 192.0.2.1\r\nm=audio 30000 RTP/AVP 8 0\r\n"""
RINGING = b"SIP/2.0 180 Ringing\r\ni: 17\r\nCSeq: 2 INVITE\r\n\r\n"
WEHE = b"""[[{"payload": "000100002112a442", "timestamp": 0.0, "c_s_pair":
"010.000.000.001.00001-010.000.000.002.00002", "end": false}], ["00002"], [], "call"]"""


def seeds_of(target: Target) -> list[bytes]:
    """Return valid inputs of a target."""
    if target.kind == "dialect":
        name = target.name.removeprefix("dialect-")
        return packets_of(name.replace("random-", "random:"))
    if target.name == "wire-rtcp":
        return [*rtcp_packets(), *golden()]
    if target.name == "file-capture":
        return captures()
    special = {
        "file-dump": dumps,
        "file-packet-record": packet_records,
        "file-trace": traces,
        "file-wehe": lambda: [WEHE],
    }
    special |= {"wire-names": names, "wire-sip": lambda: [SIP, RINGING]}
    if target.name in special:
        return special[target.name]()
    looks = [data for name in LOOKS for data in packets_of(name)]
    return [*looks, *golden(), stun.binding_request(bytes(12)), bytes(12)]


def main() -> None:
    """Write the inputs of every target that has none yet."""
    for target in targets():
        if not stored(target):
            store(target, seeds_of(target))
            sys.stdout.write(f"{target.name}: {len(stored(target))} inputs\n")


if __name__ == "__main__":
    main()
