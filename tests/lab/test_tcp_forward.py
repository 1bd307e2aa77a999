"""TCP through the relay: untouched by default, silent where a rule drops it."""

import asyncio

from callprobe.censor.policy import Policy
from callprobe.censor.truth import TruthLog
from callprobe.lab.relay import Relay
from helpers.loopback import run, until
from helpers.policies import policy, rule

BLOCKED = policy(rule("tcp", 'kind = "kill"', match='protocol = "tcp"'))
MESSAGE = b"hello " * 2000


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    writer.close()


async def talk(rules: Policy, *, wait: bool) -> tuple[bytes, TruthLog]:
    """Send the message through a relay to an echo; return the answer, if it is waited for."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server, Relay(rules, to=server.sockets[0].getsockname()) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(MESSAGE)
        writer.write_eof()
        if wait:
            answer = await reader.read()
        else:
            await until(lambda: bool(relay.truth.rows))
            answer = b""
        writer.close()
    return answer, relay.truth


def test_stream_arrives_whole() -> None:
    """Bytes and both ends of the stream come through, segment by segment in the log."""
    answer, truth = run(talk(policy(rule("udp", 'kind = "drop"\nratio = 1.0')), wait=True))

    assert answer == MESSAGE
    assert {row.protocol for row in truth.rows} == {"tcp"}
    assert all(row.verdict == "passed" for row in truth.rows)
    assert sum(row.size - 40 for row in truth.rows if row.direction == "up") == len(MESSAGE)


def test_dropped_connection_is_never_answered() -> None:
    """A connection whose first segment is dropped stays silent; the target hears nothing of it."""
    answer, truth = run(talk(BLOCKED, wait=False))

    assert answer == b""
    assert [row.rule_id for row in truth.rows] == ["tcp"]


def test_delayed_stream_keeps_its_order() -> None:
    """Jitter holds segments back but does not mix them."""
    jitter = rule("j", 'kind = "delay"\ndelay_ms = 3\njitter_ms = 3', match='protocol = "tcp"')
    answer, _ = run(talk(policy(jitter), wait=True))

    assert answer == MESSAGE
