"""Reads captures: the UDP datagrams they hold by their innermost headers, and where a broken file breaks.

scapy reads the files and finds its way through link layers and tunnels. A datagram that an ICMP message
quotes is evidence of something else and is not given out.
"""

import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from scapy import all as _scapy  # noqa: F401 - importing it registers every link type and tunnel
from scapy.config import conf
from scapy.error import Scapy_Exception
from scapy.packet import Raw
from scapy.utils import RawPcapNgReader, RawPcapReader

Address = tuple[str, int]

_BROKEN: Final = (EOFError, OSError, OverflowError, Scapy_Exception, zlib.error)
_UDP_HEADER_BYTES: Final = 8

# What scapy would say of a broken file goes into the analysis instead.
logging.getLogger("scapy").setLevel(logging.CRITICAL)


class CaptureError(ValueError):
    """The file is no capture or cannot be read; the message is one sentence naming it."""


class Frame(NamedTuple):
    """One captured frame."""

    epoch_ns: int
    link_type: int
    data: bytes


class UdpDatagram(NamedTuple):
    """A UDP datagram as captured."""

    epoch_ns: int
    source: Address
    destination: Address
    payload: bytes
    """Without link-layer padding; cut where the capture was."""


class CaptureFile:
    """The frames of a pcap or pcapng file, gzip or not, recognised by its first bytes.

    Iterating opens the file, and raises CaptureError when it cannot be read or is no capture.
    """

    truncated_at_offset: int | None = None
    """After the last frame: where the first record begins that is not whole (in the unpacked file)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Frame]:
        with self._open() as file:
            reader = self._reader(file)
            is_ng = isinstance(reader, RawPcapNgReader)
            read = reader._read_block if is_ng else reader._read_packet  # noqa: SLF001 - these show offsets
            while True:
                offset = reader.f.tell()
                try:
                    record = read()
                except _BROKEN:
                    break
                if record is None:
                    continue
                frame = _ng_frame(*record) if is_ng else _classic_frame(reader, *record)
                if frame is None:
                    break
                yield frame
            self.truncated_at_offset = offset if _has_more(reader.f, offset) else None

    def _open(self) -> IO[bytes]:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise CaptureError(f"{self._path}: cannot be read: {error.strerror}") from error

    def _reader(self, file: IO[bytes]) -> Any:
        try:
            return RawPcapReader(file)  # type: ignore[arg-type] # its metaclass takes files too
        except (OSError, Scapy_Exception) as error:
            raise CaptureError(f"{self._path}: is no pcap or pcapng file") from error


def udp_datagram(frame: Frame) -> UdpDatagram | None:
    """Return the innermost UDP datagram of a frame, or None when it carries none of its own."""
    hosts = udp = None
    for layer in _layers(frame):
        name = type(layer).__name__
        if name.startswith("ICMP"):
            return None
        if name in {"IP", "IPv6"}:
            hosts, udp = (layer.src, layer.dst), None  # what was UDP until here was a tunnel
        elif name == "UDP" and hosts is not None:
            udp = (hosts, layer)
    if udp is None:
        return None
    (source, destination), layer = udp
    end = layer.len if layer.len and layer.len >= _UDP_HEADER_BYTES else None
    payload = layer.original[_UDP_HEADER_BYTES:end]
    return UdpDatagram(frame.epoch_ns, (source, layer.sport), (destination, layer.dport), payload)


def link_type_name(link_type: int) -> str:
    """Return scapy's name of a link type, or its number."""
    layer = conf.l2types.num2layer.get(link_type)
    return str(link_type) if layer is None else layer.__name__


def _classic_frame(reader: Any, data: bytes, meta: Any) -> Frame | None:
    if len(data) < meta.caplen:
        return None
    unit_ns = 1 if reader.nano else 1000
    return Frame(meta.sec * 1_000_000_000 + meta.usec * unit_ns, reader.linktype, data)


def _ng_frame(data: bytes, meta: Any) -> Frame:
    ticks = (meta.tshigh or 0) << 32 | (meta.tslow or 0)
    return Frame(ticks * 1_000_000_000 // meta.tsresol, meta.linktype, data)


def _has_more(file: Any, offset: int) -> bool:
    """Say whether the file goes on at ``offset``; a broken compressed stream does, in a way."""
    try:
        file.seek(offset)
        return bool(file.read(1))
    except _BROKEN:
        return True


def _layers(frame: Frame) -> Iterator[Any]:
    """Yield scapy's layers of a frame, outermost first; none of a frame that scapy chokes on."""
    try:
        layer = conf.l2types.num2layer.get(frame.link_type, Raw)(frame.data)
    except Exception:  # noqa: BLE001 - on hostile bytes scapy raises whatever it happens to raise
        return
    while layer:
        yield layer
        layer = layer.payload
