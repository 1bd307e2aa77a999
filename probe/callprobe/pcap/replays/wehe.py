"""Reads the replay files of Wehe (github.com/NEU-SNS/wehe-py3): what a client sent, as JSON.

A file is ``[packets, udp_ports, tcp_pairs, name]``; a packet is ``{"payload": hex, "timestamp": seconds,
"c_s_pair": client and server, "end": ...}``. What the server sent lies elsewhere, in a form that is not safe
to read, so the other direction of such a trace is empty.
"""

import binascii
from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import msgspec

from callprobe.pcap.packets import Address
from callprobe.pcap.replays.trace import Flow, Recorded, ReplayFileError, shaped

MAX_FILE_BYTES: Final = 128 << 20
MAX_SECONDS: Final = 86_400.0


class _Packet(msgspec.Struct):
    """One datagram of the client. Other keys are ignored."""

    payload: str
    timestamp: Annotated[float, msgspec.Meta(ge=0, le=MAX_SECONDS)]
    c_s_pair: str


class _File(msgspec.Struct, array_like=True):
    packets: list[_Packet]
    udp_ports: list[msgspec.Raw]
    tcp_pairs: list[msgspec.Raw]
    name: str = ""


def is_wehe(path: Path) -> bool:
    """Say whether a file begins as JSON does; what cannot be read does not."""
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip()[:1] == b"["
    except OSError:
        return False


def read_wehe(path: Path, flow: Flow | None = None, duration_s: float | None = None) -> Recorded:
    """Return the UDP conversation with most packets, or ``flow``, in a replay file of Wehe.

    ``duration_s``: only so much from its beginning. Raises ReplayFileError.
    """
    file = _parse(path)
    if file.tcp_pairs:
        raise ReplayFileError(f"{path}: is a replay of TCP connections; only UDP can be replayed")
    pairs = Counter(packet.c_s_pair for packet in file.packets)
    if not pairs:
        raise ReplayFileError(f"{path}: there is no packet in it")
    wanted = pairs.most_common(1)[0][0] if flow is None else _named(path, pairs, flow)
    stamped = [
        (round(packet.timestamp * 1e9), True, payload, len(payload))
        for packet in file.packets
        if packet.c_s_pair == wanted
        for payload in (_payload(path, packet),)
    ]
    return shaped("wehe", _ends(path, wanted), stamped, duration_s)._replace(first_ns=None)


def _parse(path: Path) -> _File:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ReplayFileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ReplayFileError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
    try:
        return msgspec.json.decode(data, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReplayFileError(f"{path}: is no replay file of Wehe: {error}") from error


def _payload(path: Path, packet: _Packet) -> bytes:
    try:
        return binascii.unhexlify(packet.payload)
    except ValueError as error:
        raise ReplayFileError(f"{path}: is no replay file of Wehe: a payload is not hexadecimal") from error


def _named(path: Path, pairs: Counter[str], flow: Flow) -> str:
    for pair in pairs:
        if _ends(path, pair) == flow:
            return pair
    raise ReplayFileError(f"{path}: has no packets of that flow")


def _ends(path: Path, pair: str) -> Flow:
    """Return the ends in ``010.110.054.044.14225-010.110.049.082.63308``."""
    client, _, server = pair.partition("-")
    try:
        return Flow(_address(client), _address(server))
    except ValueError as error:
        raise ReplayFileError(f"{path}: is no replay file of Wehe: {pair!r} names no two ends") from error


def _address(text: str) -> Address:
    """Return host and port of five numbers with dots. Raises ValueError."""
    *octets, port = (int(part) for part in text.split("."))
    if len(octets) != 4 or not all(0 <= octet <= 255 for octet in octets) or not 0 <= port <= 65535:
        raise ValueError(text)
    return ".".join(map(str, octets)), port
