import contextlib
import socket
import time

import pytest

from callprobe.net.udp import (
    bind_to_interface,
    dropped_packets,
    has_kernel_timestamps,
    open_flow_socket,
    open_udp_socket,
    receive_batch,
    send_datagram,
)


@pytest.fixture
def pair():
    """A server on IPv4 loopback and a flow's socket."""
    with (
        contextlib.closing(open_udp_socket("127.0.0.1", 0)) as server,
        contextlib.closing(open_flow_socket()) as flow,
    ):
        yield server, flow


def test_every_arrival_carries_the_kernel_s_stamp(pair):
    server, flow = pair
    before_ns = time.time_ns()
    for number in range(20):
        send_datagram(flow, server.getsockname(), bytes([number]))
    arrivals = receive_batch(server, 64)

    assert [arrival.data for arrival in arrivals] == [bytes([number]) for number in range(20)]
    assert has_kernel_timestamps(server)
    stamps = [arrival.kernel_realtime_ns for arrival in arrivals]
    assert stamps == sorted(stamps)
    assert all(before_ns - 10**6 <= stamp <= time.time_ns() for stamp in stamps)


def test_a_flow_names_its_ipv4_peer_plainly_in_both_directions(pair):
    server, flow = pair
    send_datagram(flow, server.getsockname(), b"ping")
    (request,) = receive_batch(server, 8)
    send_datagram(server, request.peer, b"pong")

    (reply,) = receive_batch(flow, 8)

    assert request.peer[0] == "127.0.0.1"
    assert reply.peer == server.getsockname()


def test_the_same_flow_reaches_ipv6():
    with (
        contextlib.closing(open_udp_socket("::1", 0)) as server,
        contextlib.closing(open_flow_socket()) as flow,
    ):
        send_datagram(flow, server.getsockname()[:2], b"ping")

        (request,) = receive_batch(server, 8)

    assert request.peer[0] == "::1"


def test_a_batch_is_limited_and_the_rest_waits(pair):
    server, flow = pair
    for _ in range(5):
        send_datagram(flow, server.getsockname(), b"x")

    assert [len(receive_batch(server, 3)), len(receive_batch(server, 3)), receive_batch(server, 3)] == [
        3,
        2,
        [],
    ]


def test_drops_of_a_tiny_buffer_are_counted_to_the_packet():
    with (
        contextlib.closing(open_udp_socket("127.0.0.1", 0, rcvbuf=1)) as server,
        contextlib.closing(open_flow_socket()) as flow,
    ):
        for _ in range(200):
            send_datagram(flow, server.getsockname(), bytes(200))
        received = receive_batch(server, 300)
        assert 0 < len(received) < 200
        assert dropped_packets(server) == 200 - len(received)

        send_datagram(flow, server.getsockname(), b"one more")
        (after,) = receive_batch(server, 1)
        assert after.drops == 200 - len(received)


def test_each_flow_has_a_port_of_its_own():
    with contextlib.ExitStack() as stack:
        ports = {
            stack.enter_context(contextlib.closing(open_flow_socket())).getsockname()[1] for _ in range(8)
        }

    assert len(ports) == 8


def test_an_unreachable_peer_does_not_break_the_socket(pair):
    server, flow = pair
    gone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    gone.bind(("127.0.0.1", 0))
    address = gone.getsockname()
    gone.close()

    send_datagram(flow, address, b"into the void")  # answered by an ICMP port unreachable
    assert receive_batch(flow, 8) == []
    send_datagram(flow, server.getsockname(), b"still here")

    assert receive_batch(server, 8)[0].data == b"still here"


def test_a_taken_port_raises_and_leaks_nothing(pair):
    server, _flow = pair

    with pytest.raises(OSError, match="in use"):
        open_udp_socket("127.0.0.1", server.getsockname()[1])


def test_a_socket_can_be_bound_to_one_interface():
    with contextlib.closing(open_udp_socket("127.0.0.1", 0, interface="lo")) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
        with pytest.raises(OSError):  # noqa: PT011 - ENODEV, or EPERM where rebinding needs rights
            bind_to_interface(sock, "no-such-device")
