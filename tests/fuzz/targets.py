"""What is fuzzed: every parser of hostile bytes, each as a function that must swallow whatever it is given.

A target may raise nothing: the one exception that its parser names is caught here, every other is a finding.
"""

import base64
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple

CORPUS: Final = Path(__file__).resolve().parents[1] / "data" / "fuzz"
"""A file for each target: one input a line in hex, a name after ``#`` for what was once found."""

Take = Callable[[bytes], object]


class Target(NamedTuple):
    """One thing to fuzz."""

    name: str
    kind: Literal["wire", "dialect", "file"]
    make: Callable[[], Take]
    """Imports what is fuzzed, so that the fuzzer can watch its branches, and returns the function."""
    max_bytes: int = 1500


def _stun() -> Take:
    from callprobe.wire import stun

    def take(data: bytes) -> None:
        for padded in (True, False):
            with suppress(stun.StunError):
                message = stun.parse(data, padded=padded)
                stun.build(message)
        for read in (stun.read_loosely, stun.read_classic):
            with suppress(stun.StunError):
                read(data)
        with suppress(stun.StunError):
            stun.verify_integrity(data, b"key")
            stun.verify_fingerprint(data)

    return take


def _rtp() -> Take:
    from callprobe.wire import rtp

    def take(data: bytes) -> None:
        with suppress(rtp.RtpError):
            rtp.build(rtp.parse(data))

    return take


def _rtcp() -> Take:
    from callprobe.wire import rtcp, srtcp

    def take(data: bytes) -> None:
        with suppress(rtcp.RtcpError):
            rtcp.parse(data)
        with suppress(rtcp.RtcpError):
            for packet in rtcp.packets(data):
                rtcp.is_plausible(packet)
                rtcp.count_cnames(packet)
        for cut in (False, True):
            with suppress(rtcp.RtcpError):
                srtcp.read_compound(data, cut=cut)

    return take


def _rtcp_bodies() -> Take:
    from callprobe.wire import rtcp, rtcp_feedback, rtcp_xr

    of_block = (
        rtcp_xr.run_lengths,
        rtcp_xr.receipt_times,
        rtcp_xr.reference_time,
        rtcp_xr.delays,
        rtcp_xr.statistics,
        rtcp_xr.voip_metrics,
    )

    def read(packet: rtcp.Packet) -> None:
        for parse in (rtcp.parse_report, rtcp.parse_goodbye, rtcp_feedback.parse):
            with suppress(rtcp.RtcpError):
                parse(packet)
        for block in rtcp_xr.parse(packet):
            for parse_block in of_block:
                with suppress(rtcp.RtcpError):
                    parse_block(block)

    def take(data: bytes) -> None:
        with suppress(rtcp.RtcpError):
            for packet in rtcp.packets(data):
                with suppress(rtcp.RtcpError):
                    read(packet)

    return take


def _dtls() -> Take:
    from callprobe.wire import dtls

    def take(data: bytes) -> None:
        for cut in (False, True):
            with suppress(dtls.DtlsError):
                for record in dtls.records(data, cut=cut):
                    with suppress(dtls.DtlsError):
                        list(dtls.fragments(record))

    return take


def _dtls_messages() -> Take:
    from callprobe.wire import dtls_messages as messages
    from callprobe.wire.dtls import DtlsError

    parsers = (
        messages.parse_server_hello,
        messages.parse_hello_verify_request,
        messages.parse_certificates,
        messages.parse_alert,
    )

    def take(data: bytes) -> None:
        with suppress(DtlsError):
            hello = messages.parse_client_hello(data)
            messages.fingerprint(hello)
            messages.ja3(hello)
            messages.build_client_hello(hello)
        for parse in parsers:
            with suppress(DtlsError):
                parse(data)

    return take


def _certificate() -> Take:
    from callprobe.wire import certificate

    def take(data: bytes) -> None:
        with suppress(certificate.CertificateError):
            certificate.names(data)

    return take


def _ms_turn() -> Take:
    from callprobe.wire import ms_turn

    def take(data: bytes) -> None:
        for parse in (ms_turn.parse_frame, ms_turn.parse_data_indication):
            with suppress(ms_turn.MsTurnError):
                parse(data)

    return take


def _zoom() -> Take:
    from callprobe.wire import zoom

    def take(data: bytes) -> None:
        with suppress(zoom.ZoomError):
            zoom.parse(data)

    return take


def _reflector() -> Take:
    from callprobe.wire import reflector

    def take(data: bytes) -> None:
        for parse in (reflector.parse_control, reflector.parse_frame):
            with suppress(reflector.ReflectorError):
                parse(data)

    return take


def _marks() -> Take:
    from callprobe.pcap.collect.encapsulation import unwrap
    from callprobe.pcap.recognise.datagram_marks import mark_of

    def take(data: bytes) -> None:
        unwrap(data)
        for ports in ((40000, 3478), (8801, 40000), (53, 5353)):
            mark_of(data, *ports)

    return take


def _sip() -> Take:
    from callprobe.pcap.recognise import sip_messages

    return sip_messages.parse


def _names() -> Take:
    from callprobe.pcap.recognise import server_names

    def take(data: bytes) -> None:
        server_names.dns_question(data)
        server_names.client_hello_name(data)
        server_names.certified_names(data)

    return take


def _scrub() -> Take:
    """Two packets, split at a byte that the fuzzer chooses; none may change in size."""
    from callprobe.pcap.replays.scrub import Scrubber

    def take(data: bytes) -> None:
        at = 1 + data[0] * 4 if data else 0
        packets = [data[1:at], data[at:]]
        cleaned = Scrubber(["192.0.2.1"]).clean_all(packets)
        assert [len(packet) for packet in cleaned] == [len(packet) for packet in packets]

    return take


def _dissection() -> Take:
    """Two datagrams there and one back: split at a byte that the fuzzer chooses."""
    from callprobe.pcap.dissect import Dissection
    from callprobe.pcap.packets import UdpDatagram

    ends = (("192.0.2.1", 40000), ("198.51.100.1", 3478))

    def take(data: bytes) -> None:
        dissection = Dissection()
        at = 1 + data[0] * 4 if data else 0
        for number, payload in enumerate((data[1:at], data[at:], data[1:at]), 1):
            source, destination = ends if number < 3 else ends[::-1]
            dissection.datagram(
                UdpDatagram(number, number * 1_000_000, source, destination, payload, len(payload))
            )
        dissection.exchanges.stun(0)
        dissection.exchanges.transactions(0)
        dissection.dtls.handshakes(0)
        dissection.rtcp.findings(0)

    return take


def _trace() -> Take:
    from callprobe.dialect.trace import Trace, TraceError

    def take(data: bytes) -> None:
        for packed in (data, zlib.compress(data, 1)):
            with suppress(TraceError):
                Trace.unpack(packed)

    return take


def _dump() -> Take:
    from callprobe.pcap.dumps.model import DumpError
    from callprobe.pcap.dumps.read import read_dump

    path = _scratch()

    def take(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(DumpError):
            read_dump(path)

    return take


def _wehe() -> Take:
    from callprobe.pcap.replays.trace import ReplayFileError
    from callprobe.pcap.replays.wehe import read_wehe

    path = _scratch()

    def take(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(ReplayFileError):
            read_wehe(path)

    return take


def _demux() -> Take:
    from callprobe.wire import demux

    def take(data: bytes) -> None:
        demux.classify(data)

    return take


def _dialect(name: str) -> Callable[[], Take]:
    def make() -> Take:
        from callprobe.dialect.contract import Direction, FlowKeys, Heard
        from callprobe.dialect.registry import find

        look, keys = find(name), FlowKeys(bytes(range(32)))
        directions: tuple[Direction, ...] = ("up", "down")

        def take(data: bytes) -> None:
            look.ident_of(data)
            for direction in directions:
                heading = look.hear(keys, direction, data)
                if heading.kind is Heard.CONTROL and direction == "up":
                    look.answers(keys, 1_754_902_800_000, ("203.0.113.7", 40000), data)

        return take

    return make


def _packet_record() -> Take:
    from callresults import packet_record

    def take(data: bytes) -> None:
        for text in (data.decode("latin-1"), base64.b64encode(zlib.compress(data, 1)).decode()):
            with suppress(packet_record.PacketRecordError):
                packet_record.decode(text)

    return take


def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-")) / "input"


def _capture() -> Take:
    import scapy.all  # noqa: F401 - the reader asks it of rare link types; its import is nobody's hang

    from callprobe.pcap.layers.link import Dissector
    from callprobe.pcap.layers.tcp import StreamMessages
    from callprobe.pcap.packets import TcpSegment
    from callprobe.pcap.reading.read import CaptureError, CaptureFile

    path = _scratch()

    def take(data: bytes) -> None:
        path.write_bytes(data)
        dissector, messages = Dissector(), StreamMessages()
        with suppress(CaptureError):
            for frame in CaptureFile(path):
                carried = dissector.take(frame)
                if isinstance(carried, TcpSegment):
                    messages.add(carried)

    return take


def _dialects() -> Iterator[Target]:
    from callprobe.dialect.registry import LOOKS

    for name in ("open", *LOOKS, f"random:{LOOKS[0]}"):
        yield Target(f"dialect-{name.replace(':', '-')}", "dialect", _dialect(name), 400)


def targets() -> tuple[Target, ...]:
    """Return every target."""
    return (
        Target("wire-demux", "wire", _demux, 64),
        Target("wire-stun", "wire", _stun, 600),
        Target("wire-rtp", "wire", _rtp, 256),
        Target("wire-rtcp", "wire", _rtcp),
        Target("wire-rtcp-bodies", "wire", _rtcp_bodies),
        Target("wire-dtls", "wire", _dtls),
        Target("wire-dtls-messages", "wire", _dtls_messages),
        Target("wire-certificate", "wire", _certificate),
        Target("wire-ms-turn", "wire", _ms_turn, 400),
        Target("wire-zoom", "wire", _zoom, 256),
        Target("wire-reflector", "wire", _reflector, 256),
        Target("wire-marks", "wire", _marks, 400),
        Target("wire-sip", "wire", _sip),
        Target("wire-names", "wire", _names, 600),
        *_dialects(),
        Target("dissection", "file", _dissection),
        Target("scrubbing", "file", _scrub),
        Target("file-packet-record", "file", _packet_record, 4096),
        Target("file-trace", "file", _trace, 4096),
        Target("file-dump", "file", _dump, 4096),
        Target("file-wehe", "file", _wehe, 4096),
        Target("file-capture", "file", _capture, 8192),
    )


def find(name: str) -> Target:
    """Return the target of that name. Raises KeyError."""
    return {target.name: target for target in targets()}[name]


def stored(target: Target) -> list[bytes]:
    """Return the stored inputs of a target: valid ones, what reaches new branches, what was once found."""
    path = CORPUS / f"{target.name}.hex"
    if not path.exists():
        return []
    lines = (line.partition("#")[0] for line in path.read_text().splitlines())
    return [bytes.fromhex(line) for line in lines if line.strip()]


def store(target: Target, inputs: Iterable[bytes]) -> None:
    """Write the inputs of a target, the named ones of old kept."""
    path = CORPUS / f"{target.name}.hex"
    old = path.read_text().splitlines() if path.exists() else []
    named = [line for line in old if "#" in line]
    known = {line.partition("#")[0].strip() for line in named}
    fresh = sorted({data.hex() for data in inputs} - known, key=lambda text: (len(text), text))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in (*named, *fresh) if line))
