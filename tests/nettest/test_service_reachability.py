import datetime as dt
import random

import pytest

from callprobe.media.flow import Address
from callprobe.net.contract import NetError
from callprobe.net.guard import Guard
from callprobe.net.sockets import SocketNet
from callprobe.nettest.service_reachability import MAX_RESPONSE_BYTES, Deadlines, ServiceResult, measure
from callprobe.scenario.model import Target
from callprobe.wire import stun
from callresults.failure import Failure
from helpers.servers import (
    LOOPBACK,
    Authority,
    answering,
    asynctest,
    blackhole_port,
    refused_port,
    resetting,
    silent,
    tcp_server,
    udp_server,
)

NAME = "service.test"
SHORT = Deadlines(
    resolve_s=0.1, tcp_connect_s=0.1, tls_handshake_s=0.2, http_response_s=0.1, stun_binding_s=0.1
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def target(protocol: str, port: int, **changes) -> Target:
    fields = {
        "id": "front",
        "protocol": protocol,
        "host": LOOPBACK,
        "port": port,
        "server_name": NAME,
        "expected_status": (200,),
        "source": "this test",
        "source_date": dt.date(2025, 8, 1),
    }
    return Target(**(fields | changes))


async def result_of(
    wanted: Target, authority: Authority | None = None, *, deadlines: Deadlines | None = SHORT
) -> ServiceResult:
    ca_files = [authority.ca_file] if authority else []
    net = SocketNet(Guard(only_local=True), random.Random(1), ca_files=ca_files)
    return await measure(net, wanted, start_ns=net.now_ns(), rng=random.Random(2), deadlines=deadlines)


def ladder(result: ServiceResult) -> list[tuple[str, str, Failure | None]]:
    return [(stage.name, stage.outcome, stage.failure) for stage in result.stages]


def assert_ordered(result: ServiceResult) -> None:
    """Assert that the rungs follow each other in time and none outlived its deadline by much."""
    times = [time for stage in result.stages for time in (stage.t0, stage.t)]
    assert times == sorted(times)
    assert all((stage.failure is None) == (stage.outcome == "ok") for stage in result.stages)


@asynctest
async def test_a_service_that_answers_has_a_whole_ladder(authority):
    seen: list[bytes] = []

    async def handler(reader, writer) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with tcp_server(handler, authority.server_context(NAME)) as port:
        result = await result_of(
            target("https", port, host="localhost", path="/hello"), authority, deadlines=None
        )

    assert ladder(result) == [
        ("resolve", "ok", None),
        ("tcp_connect", "ok", None),
        ("tls_handshake", "ok", None),
        ("http_response", "ok", None),
    ]
    assert_ordered(result)
    assert (result.http_status, result.bytes_received, result.ip_version) == (200, len(OK), "ipv4")
    assert [stage.rtt_ms is not None for stage in result.stages] == [False, True, False, True]
    assert [stage.deadline_s for stage in result.stages] == [5.0] * 4
    assert seen[0].startswith(b"GET /hello HTTP/1.1\r\n")
    assert f"Host: {NAME}:{port}\r\n".encode() in seen[0]
    assert b"callprobe" not in seen[0].lower()


@asynctest
async def test_a_literal_address_has_no_resolve_rung():
    async with tcp_server(silent) as port:
        result = await result_of(target("tcp", port))

    assert ladder(result) == [("tcp_connect", "ok", None)]


@asynctest
async def test_a_refused_port_leaves_the_rest_not_reached():
    result = await result_of(target("https", refused_port()))

    refusal = Failure.CONNECTION_REFUSED
    assert ladder(result) == [
        ("tcp_connect", "failed", refusal),
        ("tls_handshake", "not_reached", refusal),
        ("http_response", "not_reached", refusal),
    ]
    assert_ordered(result)
    assert (result.http_status, result.bytes_received) == (None, 0)


@asynctest
async def test_swallowed_syns_are_a_timeout_of_the_connection():
    with blackhole_port() as port:
        result = await result_of(target("tcp", port))

    assert ladder(result) == [("tcp_connect", "failed", Failure.GENERIC_TIMEOUT)]
    assert result.stages[0].t - result.stages[0].t0 >= SHORT.tcp_connect_s


@asynctest
async def test_silence_after_the_connection_is_a_timeout_of_the_handshake(authority):
    async with tcp_server(silent) as port:
        result = await result_of(target("https", port), authority)

    assert ladder(result)[1:] == [
        ("tls_handshake", "failed", Failure.GENERIC_TIMEOUT),
        ("http_response", "not_reached", Failure.GENERIC_TIMEOUT),
    ]


@asynctest
async def test_a_reset_in_the_handshake_is_a_reset(authority):
    async with tcp_server(resetting) as port:
        result = await result_of(target("https", port), authority)

    assert ladder(result)[1] == ("tls_handshake", "failed", Failure.CONNECTION_RESET)


@asynctest
async def test_a_certificate_for_another_host_is_named(authority):
    async with tcp_server(answering(OK), authority.server_context("other.test")) as port:
        result = await result_of(target("https", port), authority)

    assert ladder(result)[1] == ("tls_handshake", "failed", Failure.SSL_INVALID_HOSTNAME)


@asynctest
async def test_an_untrusted_certificate_is_named(authority):
    async with tcp_server(answering(OK), authority.server_context(NAME)) as port:
        result = await result_of(target("https", port))

    assert ladder(result)[1] == ("tls_handshake", "failed", Failure.SSL_UNKNOWN_AUTHORITY)


@asynctest
async def test_without_a_server_name_the_host_is_checked(authority):
    async with tcp_server(answering(OK), authority.server_context(LOOPBACK)) as port:
        result = await result_of(target("https", port, server_name=None), authority)

    assert result.http_status == 200


@pytest.mark.parametrize(
    ("response", "hang", "failure", "status"),
    [
        (b"", True, Failure.GENERIC_TIMEOUT, None),
        (b"", False, Failure.EOF, None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nfrozen", True, Failure.GENERIC_TIMEOUT, 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut", False, Failure.EOF, 200),
        (b"HTTP/1.1 403 Forbidden\r\n\r\nblocked", False, Failure.HTTP_UNEXPECTED_STATUS, 403),
        (b"SSH-2.0-OpenSSH\r\n\r\n", False, Failure.UNKNOWN, None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, False, Failure.UNKNOWN, None),
    ],
)
@asynctest
async def test_each_way_a_response_fails_is_told_apart(authority, response, hang, failure, status):
    async with tcp_server(answering(response, then_hang=hang), authority.server_context(NAME)) as port:
        result = await result_of(target("https", port), authority)

    assert ladder(result)[-1] == ("http_response", "failed", failure)
    assert result.http_status == status
    assert result.bytes_received == min(len(response), MAX_RESPONSE_BYTES)


@asynctest
async def test_a_long_response_is_read_to_the_limit_only(authority):
    response = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(4 * MAX_RESPONSE_BYTES)
    async with tcp_server(answering(response), authority.server_context(NAME)) as port:
        result = await result_of(target("https", port), authority, deadlines=None)

    assert ladder(result)[-1] == ("http_response", "ok", None)
    assert result.bytes_received == MAX_RESPONSE_BYTES


@asynctest
async def test_any_status_will_do_where_none_is_expected(authority):
    async with tcp_server(answering(b"HTTP/1.1 404 No\r\n\r\n"), authority.server_context(NAME)) as port:
        result = await result_of(target("https", port, expected_status=()), authority)

    assert ladder(result)[-1] == ("http_response", "ok", None)
    assert result.http_status == 404


def binding_answer(data: bytes, source: Address) -> bytes:
    return stun.binding_response(stun.parse(data).transaction_id, source)


@asynctest
async def test_a_stun_server_that_answers_has_a_round_trip():
    async with udp_server(binding_answer) as port:
        result = await result_of(target("stun", port, host="localhost"), deadlines=None)

    assert ladder(result) == [("resolve", "ok", None), ("stun_binding", "ok", None)]
    binding = result.stages[-1]
    assert (binding.attempts, binding.deadline_s) == (1, 4.0)
    assert binding.rtt_ms is not None
    assert 0 <= binding.rtt_ms < 4000
    assert result.bytes_received == 32


@asynctest
async def test_a_silent_stun_server_is_a_timeout():
    async with udp_server(lambda _data, _source: None) as port:
        result = await result_of(target("stun", port))

    assert ladder(result) == [("stun_binding", "failed", Failure.STUN_TIMEOUT)]
    assert result.stages[0].attempts == 1
    assert result.stages[0].rtt_ms is None


@asynctest
async def test_an_address_beyond_the_guard_is_a_record_and_no_packet():
    for protocol in ("https", "tcp", "stun"):
        result = await result_of(target(protocol, 443, host="203.0.113.9"))

        assert result.stages[0].outcome == "failed"
        assert result.stages[0].failure in {Failure.NOT_ALLOWED_BY_LOCAL_GUARD, Failure.LOCAL_SEND_ERROR}


@asynctest
async def test_a_name_beyond_the_guard_is_not_resolved():
    result = await result_of(target("tcp", 443, host="example.org"))

    refused = Failure.NOT_ALLOWED_BY_LOCAL_GUARD
    assert ladder(result) == [("resolve", "failed", refused), ("tcp_connect", "not_reached", refused)]


class TwoFamilies(SocketNet):
    """A net whose resolver knows both families."""

    tried: str | None = None

    async def resolve(self, host: str, deadline_ns: int) -> list[str]:
        return ["2001:db8::1", "192.0.2.1"] if host == NAME else ["2001:db8::1"]

    async def open_stream(self, host: str, port: int, deadline_ns: int):
        self.tried = host
        raise NetError(Failure.NETWORK_UNREACHABLE)


@pytest.mark.parametrize(
    ("host", "tried", "version"), [(NAME, "192.0.2.1", "ipv4"), ("six.test", "2001:db8::1", "ipv6")]
)
@asynctest
async def test_ipv4_is_tried_where_there_is_any(host, tried, version):
    net = TwoFamilies(Guard(only_local=True), random.Random(1))

    result = await measure(net, target("tcp", 443, host=host), start_ns=net.now_ns(), rng=random.Random(2))

    assert (net.tried, result.ip_version) == (tried, version)
