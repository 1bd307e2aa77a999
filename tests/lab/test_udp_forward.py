"""UDP through the relay: clients kept apart, strangers not let in."""

import asyncio

from callprobe.lab.relay import Relay
from callprobe.lab.udp_forward import own_host
from helpers.loopback import UdpEcho, bound_socket, run, until
from helpers.policies import policy


def test_clients_get_their_own_answers() -> None:
    """Two clients of one port are two flows with upstream sockets of their own."""

    async def go() -> tuple[list[bytes], int]:
        echo, loop = UdpEcho(), asyncio.get_running_loop()
        async with Relay(policy(), to=echo.address) as relay:
            answers = []
            for text in (b"one", b"two"):
                with bound_socket() as client:
                    client.sendto(text, ("127.0.0.1", relay.port))
                    answers.append(await loop.sock_recv(client, 100))
        echo.close()
        return answers, len(relay.truth.flows)

    assert run(go()) == ([b"one", b"two"], 2)


def test_silent_target_is_not_an_error() -> None:
    """A port where nobody listens swallows datagrams; the relay and its log go on."""

    async def go() -> tuple[int, int]:
        with bound_socket() as gone:
            target = gone.getsockname()
        async with Relay(policy(), to=target) as relay:
            with bound_socket() as client:
                for _ in range(5):
                    client.sendto(b"x", ("127.0.0.1", relay.port))
                await until(lambda: relay.truth.summary().arrived == 5)
        summary = relay.truth.summary()
        return summary.released, summary.socket_drops

    assert run(go()) == (5, 0)


def test_own_leg_stays_on_the_loopback() -> None:
    """Towards the loopback the relay sends from it, elsewhere from what the route gives."""
    assert [own_host(host) for host in ("127.0.0.1", "::1", "10.77.0.2")] == ["127.0.0.1", "::1", "0.0.0.0"]
