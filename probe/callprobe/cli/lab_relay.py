"""``callprobe lab relay``: the user-space relay as a server of its own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import IO, Final

import click
import msgspec

from callprobe.censor.policy import Policy, PolicyError, load_policy
from callprobe.censor.truth import TruthSummary, encode_row
from callprobe.cli.errors import WrongInputError
from callprobe.lab.gate import Capture
from callprobe.lab.relay import Relay, RelayError
from callprobe.lab.releaser import precise_loop
from callprobe.net.guard import LOCAL_NAME, LOOPBACK_ADDRESSES, Guard, GuardConfigError, literal_address

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class HostPort(click.ParamType[tuple[str, int]]):
    """``HOST:PORT`` with a literal address (IPv6 in brackets) or ``localhost``."""

    name = "HOST:PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return the address and port."""
        host, _, port = str(value).rpartition(":")
        host = LOOPBACK_ADDRESSES[0] if host == LOCAL_NAME else host.removeprefix("[").removesuffix("]")
        if literal_address(host) is None or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not ADDRESS:PORT, like 127.0.0.1:8443 or [::1]:8443", param, ctx)
        return host, int(port)


@click.command("relay")
@click.option(
    "--censor", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Policy file (TOML)."
)
@click.option("--listen", required=True, type=HostPort(), help="Own first port; 0 = any free run of ports.")
@click.option("--to", required=True, type=HostPort(), help="The target's first port.")
@click.option("--ports", default=1, show_default=True, type=click.IntRange(1, 4096), help="How many ports.")
@click.option("--seed", type=int, help="Replaces the policy's seed.")
@click.option("--log", type=click.Path(path_type=Path, dir_okay=False), help="Truth log (JSON lines).")
@click.option("--pcap", type=click.Path(path_type=Path, dir_okay=False), help="Capture behind the censor.")
@click.option(
    "--pcap-arrived", type=click.Path(path_type=Path, dir_okay=False), help="Capture before the censor."
)
@click.option("--json", "as_json", is_flag=True, help="At the end, print the accounts as a second JSON line.")
def relay_command(
    *,
    censor: Path,
    listen: tuple[str, int],
    to: tuple[str, int],
    ports: int,
    seed: int | None,
    log: Path | None,
    pcap: Path | None,
    pcap_arrived: Path | None,
    as_json: bool,
) -> None:
    """Forward TCP and UDP of N consecutive ports one to one through an emulated censor.

    Prints one JSON line with its URL when ready, and runs until Ctrl-C or SIGTERM.
    """
    with contextlib.ExitStack() as files:
        try:
            policy = load_policy(censor)
            sink = files.enter_context(log.open("wb")) if log else None
            relay = Relay(
                policy,
                to=to,
                listen=listen,
                ports=ports,
                seed=seed,
                guard=Guard.from_environ(os.environ),
                sink=None if sink is None else lambda row: _write(sink, encode_row(row)),
                keep=False,
                released=_capture(pcap, files),
                arrived=_capture(pcap_arrived, files),
            )
            with asyncio.Runner(loop_factory=precise_loop) as runner:
                runner.run(_serve(relay, ports))
        except (PolicyError, RelayError, GuardConfigError) as error:
            raise WrongInputError(str(error)) from error
        except OSError as error:
            raise WrongInputError(f"{error.filename}: cannot be written: {error.strerror}") from error
    _report(policy, relay.truth.summary(), as_json=as_json)


async def _serve(relay: Relay, ports: int) -> None:
    """Run the relay until a signal comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    async with relay:
        print(json.dumps({"url": relay.url, "ports": ports}), flush=True)  # noqa: T201 - the contract of servers
        await stop.wait()


def _write(file: IO[bytes], line: bytes) -> None:
    file.write(line)


def _capture(path: Path | None, files: contextlib.ExitStack) -> Capture | None:
    if path is None:
        return None
    from callprobe.pcap.write import CaptureWriter

    writer = CaptureWriter(path)
    files.callback(writer.close)
    return writer


def _report(policy: Policy, summary: TruthSummary, *, as_json: bool) -> None:
    """Tell what the censor did: for people on stderr, or as JSON on stdout."""
    if as_json:
        click.echo(msgspec.json.encode({"policy": policy.name, "summary": summary}))
        return
    verdict = "void: " + summary.void_reason if summary.void_reason else "valid"
    print(  # noqa: T201 - stderr is for people
        f"{policy.name}: {summary.arrived} packets in, {summary.passed} passed, {summary.dropped} dropped, "
        f"{summary.duplicates} duplicated; late by p50 {_ms(summary.late_ms_p50)}, "
        f"p99 {_ms(summary.late_ms_p99)}; {verdict}",
        file=sys.stderr,
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} ms"
