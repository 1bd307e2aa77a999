"""What is fuzzed: every parser of hostile bytes, each as a function that must swallow whatever it is given.

A target may raise nothing: the one exception that its parser names is caught here, every other is a finding.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple

CORPUS: Final = Path(__file__).resolve().parents[1] / "data" / "fuzz"
"""A file for each target: one input a line in hex, a name after ``#`` for what was once found."""

Take = Callable[[bytes], None]


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
    from callprobe.wire import rtcp

    def take(data: bytes) -> None:
        with suppress(rtcp.RtcpError):
            rtcp.parse(data)

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
        with suppress(packet_record.PacketRecordError):
            packet_record.decode(data.decode("latin-1"))

    return take


def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-")) / "input"


def _capture() -> Take:
    from callprobe.pcap.link import Dissector

    from callprobe.pcap.read import CaptureError, CaptureFile

    path = _scratch()

    def take(data: bytes) -> None:
        path.write_bytes(data)
        dissector = Dissector()
        with suppress(CaptureError):
            for frame in CaptureFile(path):
                dissector.take(frame)

    return take


def _dialects() -> Iterator[Target]:
    from callprobe.dialect.registry import LOOKS

    for name in ("open", *LOOKS, f"random:{LOOKS[0]}"):
        yield Target(f"dialect-{name.replace(':', '-')}", "dialect", _dialect(name))


def targets() -> tuple[Target, ...]:
    """Return every target."""
    return (
        Target("wire-demux", "wire", _demux),
        Target("wire-stun", "wire", _stun),
        Target("wire-rtp", "wire", _rtp),
        Target("wire-rtcp", "wire", _rtcp),
        *_dialects(),
        Target("file-packet-record", "file", _packet_record, 4096),
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
