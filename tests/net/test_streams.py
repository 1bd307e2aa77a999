import pytest

from callprobe.net.clock import now_ns
from callprobe.net.contract import NetError
from callprobe.net.streams import connect_tcp
from callresults.failure import Failure
from helpers.servers import (
    LOOPBACK,
    answering,
    asynctest,
    blackhole_port,
    refused_port,
    resetting,
    silent,
    tcp_server,
)

SECOND = 10**9


@asynctest
async def test_bytes_go_there_and_back_until_the_peer_s_end():
    async with tcp_server(answering(b"answer")) as port:
        stream = await connect_tcp(LOOPBACK, port, now_ns() + SECOND)
        await stream.send(b"request\r\n\r\n", now_ns() + SECOND)

        assert await stream.receive(3, now_ns() + SECOND) == b"ans"
        assert await stream.receive(100, now_ns() + SECOND) == b"wer"
        assert await stream.receive(100, now_ns() + SECOND) == b""
        await stream.close()


@asynctest
async def test_a_refused_port_is_a_refusal():
    with pytest.raises(NetError) as caught:
        await connect_tcp(LOOPBACK, refused_port(), now_ns() + SECOND)

    assert caught.value.failure is Failure.CONNECTION_REFUSED


@asynctest
async def test_a_port_that_swallows_syns_is_a_timeout():
    with blackhole_port() as port, pytest.raises(NetError) as caught:
        await connect_tcp(LOOPBACK, port, now_ns() + SECOND // 20)

    assert caught.value.failure is Failure.GENERIC_TIMEOUT


@asynctest
async def test_a_silent_peer_is_a_timeout_and_the_stream_lives_on():
    async with tcp_server(silent) as port:
        stream = await connect_tcp(LOOPBACK, port, now_ns() + SECOND)
        with pytest.raises(NetError) as caught:
            await stream.receive(1, now_ns() + SECOND // 50)
        await stream.send(b"still here", now_ns() + SECOND)
        await stream.close()

    assert caught.value.failure is Failure.GENERIC_TIMEOUT


@asynctest
async def test_a_reset_is_a_reset():
    async with tcp_server(resetting) as port:
        stream = await connect_tcp(LOOPBACK, port, now_ns() + SECOND)
        await stream.send(b"x", now_ns() + SECOND)
        with pytest.raises(NetError) as caught:
            await stream.receive(1, now_ns() + SECOND)
        await stream.close()

    assert caught.value.failure is Failure.CONNECTION_RESET


@asynctest
async def test_a_connection_can_be_bound_to_one_interface():
    async with tcp_server(silent) as port:
        stream = await connect_tcp(LOOPBACK, port, now_ns() + SECOND, interface="lo")
        await stream.close()

        with pytest.raises(NetError):
            await connect_tcp(LOOPBACK, port, now_ns() + SECOND, interface="no-such-device")
