"""The user-space relay on loopback, compared with its own truth log."""

import asyncio
import socket
from pathlib import Path

import pytest

from callprobe.censor.core import Censor, FlowTuple
from callprobe.censor.truth import TruthLog, TruthRow
from callprobe.lab.relay import Relay, RelayError
from callprobe.pcap.analyze import analyze
from callprobe.pcap.write import CaptureWriter
from callprobe.wire import rtp
from helpers.datagrams import datagrams_in
from helpers.loopback import UdpEcho, bound_socket, drain, run, until
from helpers.policies import policy, rule

PACKETS = 200
LOSSY = policy(rule("lossy", 'kind = "drop"\nratio = 0.2'), seed=11)


def media(sequence: int) -> bytes:
    """Return an RTP packet."""
    return rtp.build(rtp.Packet(111, sequence, 960 * sequence, 0x1234, bytes(60)))


async def exchange(relay: Relay, echo: UdpEcho) -> tuple[int, list[bytes]]:
    """Send the media through the relay to the echo; return the client's port and what came back."""
    with bound_socket() as client:
        for sequence in range(PACKETS):
            client.sendto(media(sequence), ("127.0.0.1", relay.port))
        await until(lambda: _is_over(relay.truth))
        return client.getsockname()[1], drain(client)


def _is_over(truth: TruthLog) -> bool:
    rows = truth.rows
    up = [row for row in rows if row.direction == "up"]
    passed = sum(row.verdict == "passed" for row in up)
    return len(up) == PACKETS and len(rows) - len(up) == passed and truth.summary().held == 0


def relayed(tmp_path: Path) -> tuple[TruthLog, list[bytes], list[bytes], tuple[str, int], int]:
    """Relay the media both ways, with a capture on either side of the censor."""

    async def go() -> tuple[TruthLog, list[bytes], list[bytes], tuple[str, int], int]:
        echo = UdpEcho()
        server = echo.address
        released, arrived = (
            CaptureWriter(tmp_path / "released.pcap"),
            CaptureWriter(tmp_path / "arrived.pcap"),
        )
        async with Relay(LOSSY, to=echo.address, released=released, arrived=arrived) as relay:
            port, returned = await exchange(relay, echo)
        for thing in (echo, released, arrived):
            thing.close()
        return relay.truth, echo.received, returned, server, port

    return run(go())


def test_both_ends_receive_exactly_what_the_log_says(tmp_path: Path) -> None:
    """Each datagram that the log calls passed arrives, each that it calls dropped does not."""
    truth, received, returned, _, _ = relayed(tmp_path)
    up = [row for row in truth.rows if row.direction == "up"]
    down = [row for row in truth.rows if row.direction == "down"]
    passed_up = [media(index) for index, row in enumerate(up) if row.verdict == "passed"]

    assert received == passed_up
    assert returned == [data for data, row in zip(passed_up, down, strict=True) if row.verdict == "passed"]
    assert truth.summary().conserved
    assert truth.summary().socket_drops == 0


def test_relay_loses_what_the_core_would_lose(tmp_path: Path) -> None:
    """The same seed drops the same packets here and in the core alone, whatever the times."""
    truth, *_ = relayed(tmp_path)
    censor, flow = Censor(LOSSY), FlowTuple("udp", ("192.0.2.1", 1), ("192.0.2.2", 2))
    verdicts = [
        bool(censor.decide(n, row.direction, flow, b"", 0).release_ns) for n, row in enumerate(truth.rows)
    ]

    assert verdicts == [row.verdict == "passed" for row in truth.rows]


def captured(path: Path) -> list[tuple[int, tuple[str, int], int]]:
    """Return (time, source, IP size) of the datagrams in a capture."""
    return [(d.epoch_ns, d.source, len(d.payload) + 28) for d in datagrams_in(path)]


def test_capture_agrees_with_the_log_packet_by_packet(tmp_path: Path) -> None:
    """Time, sender and size of every captured datagram are those of its row, before and behind the censor."""
    truth, _, _, server, port = relayed(tmp_path)
    ends = {"up": ("127.0.0.1", port), "down": server}
    arrived = [(row.t_ns, ends[row.direction], row.size) for row in truth.rows]
    released = [(row.released_ns[0], ends[row.direction], row.size) for row in truth.rows if row.released_ns]

    assert captured(tmp_path / "arrived.pcap") == arrived
    assert sorted(captured(tmp_path / "released.pcap")) == sorted(released)


def test_analysis_finds_the_losses_of_the_log(tmp_path: Path) -> None:
    """``pcap analyze`` counts, per direction, what the log calls dropped between first and last packet."""
    truth, _, _, server, _ = relayed(tmp_path)
    streams = {stream.src: stream for stream in analyze(tmp_path / "released.pcap").rtp}
    up = streams.pop(next(src for src in streams if src != f"{server[0]}:{server[1]}"))
    down = streams[f"{server[0]}:{server[1]}"]
    fates_up = [row.verdict == "passed" for row in truth.rows if row.direction == "up"]
    sent_down = [index for index, passed in enumerate(fates_up) if passed]
    fates_down = [row.verdict == "passed" for row in truth.rows if row.direction == "down"]
    kept_down = [index for index, passed in zip(sent_down, fates_down, strict=True) if passed]

    assert (up.packets, up.lost) == (len(sent_down), sent_down[-1] - sent_down[0] + 1 - len(sent_down))
    assert (down.packets, down.lost) == (len(kept_down), kept_down[-1] - kept_down[0] + 1 - len(kept_down))


def test_delay_is_kept_and_lateness_is_known() -> None:
    """No datagram is released before its 30 ms are over, and the log knows by how much it was late."""

    async def go() -> tuple[list[TruthRow], float]:
        echo = UdpEcho()
        slow = policy(rule("slow", 'kind = "delay"\ndelay_ms = 30'))
        async with Relay(slow, to=echo.address) as relay:
            with bound_socket() as client:
                client.sendto(b"x", ("127.0.0.1", relay.port))
                await asyncio.get_running_loop().sock_recv(client, 10)
            late_ms = relay.truth.summary().late_ms_max
        echo.close()
        assert late_ms is not None
        return relay.truth.rows, late_ms

    rows, late_ms = run(go())
    held_ms = [(row.released_ns[0] - row.t_ns) / 1e6 for row in rows]

    assert min(held_ms) >= 30
    assert max(held_ms) - 30 == pytest.approx(late_ms, abs=0.002)


def test_ports_are_consecutive_and_map_one_to_one() -> None:
    """Port i of the relay is port i of the target, for UDP as for TCP."""

    async def go() -> list[bytes]:
        target, second = await _two_echoes()
        async with Relay(policy(), to=target, ports=2) as relay:
            with bound_socket() as client:
                client.sendto(b"to the second", ("127.0.0.1", relay.port + 1))
                await asyncio.get_running_loop().sock_recv(client, 100)
        second.close()
        return second.received

    assert run(go()) == [b"to the second"]


async def _two_echoes() -> tuple[tuple[str, int], UdpEcho]:
    """Return the address one port below an echo, and the echo."""
    echo = UdpEcho()
    host, port = echo.address
    return (host, port - 1), echo


@pytest.mark.parametrize(
    ("listen", "to", "part"),
    [
        (("192.0.2.1", 0), ("127.0.0.1", 9), "--listen"),
        (("127.0.0.1", 0), ("192.0.2.1", 9), "--to"),
        (("127.0.0.1", 65535), ("127.0.0.1", 9), "65535"),
    ],
)
def test_relay_stays_on_this_machine(listen: tuple[str, int], to: tuple[str, int], part: str) -> None:
    """Addresses beyond this machine and ports beyond the last are refused in one sentence."""
    with pytest.raises(RelayError, match=part):
        run(Relay(policy(), to=to, listen=listen, ports=2).start())


def test_port_in_use_is_named() -> None:
    """A port that somebody else has is said, with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        with pytest.raises(RelayError, match=f"{address[1]} cannot be bound"):
            run(Relay(policy(), to=("127.0.0.1", 9), listen=address).start())
