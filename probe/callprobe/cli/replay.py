"""``callprobe pcap replay``: a recorded call, played to the far end beside its bytes made unrecognisable."""

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Final, get_args

import click

from callprobe.cli.errors import WrongInputError
from callprobe.cli.inputs import checked_collector, home_folder, writable_home
from callprobe.cli.order import Order, check_consent, checked_interface, checked_responders
from callprobe.cli.plan import OVERHEAD_S, Plan, PlannedScenario
from callprobe.cli.run import ACCESS_TYPES, execute, exit_code, listener_on_terminal, show, show_plan
from callprobe.net.guard import Guard, GuardConfigError
from callprobe.net.loop import StampedLoop
from callprobe.net.sockets import SocketNet
from callprobe.pcap.replays.trace import Flow, ReplayFileError, parse_flow
from callprobe.run.replay import Control, NoReplaysError, Replay, check_offer, load_replay
from callprobe.run.session import ResponderUrl
from callresults.nettests.common import AccessType

MEGABYTE: Final = 1e6


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--responder",
    "responders",
    multiple=True,
    required=True,
    metavar="URL",
    help="Far end to play it to; may be repeated.",
)
@click.option("--flow", metavar="A:PORT-B:PORT", help="The conversation to play, A being this end.")
@click.option(
    "--control",
    type=click.Choice(get_args(Control)),
    default="both",
    show_default=True,
    help="What the two controls are: its bytes inverted, random bytes, or one of each.",
)
@click.option("--exact", is_flag=True, help="Send it as recorded, with the addresses and names in it.")
@click.option("--media-duration-s", type=click.FloatRange(0.5, 90.0), help="So much from the beginning.")
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, show_default=True)
@click.option("--interface", metavar="NAME", help="The only network interface to use (Linux).")
@click.option("--access-type", type=click.Choice(ACCESS_TYPES), default="other", show_default=True)
@click.option("--collector", metavar="URL", help="Where measurements are uploaded afterwards.")
@click.option("--no-upload", is_flag=True, help="Keep the measurements here.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent where, and send nothing.")
@click.option("--seed", type=int, hidden=True, help="Repeat the random draws of a run (tests).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def replay_command(
    *,
    file: Path,
    responders: tuple[str, ...],
    flow: str | None,
    control: Control,
    exact: bool,
    media_duration_s: float | None,
    repeat: int,
    interface: str | None,
    access_type: AccessType,
    collector: str | None,
    no_upload: bool,
    dry_run: bool,
    seed: int | None,
    as_json: bool,
) -> None:
    """Play the call in FILE to a responder, both ways, and say whether this network treats it worse.

    FILE is a capture, or a replay file of Wehe. The call's packets go at their times, beside equal flows of
    inverted and of random bytes. Nothing is sent to the addresses in the file.
    """
    replay = _load(file, flow, media_duration_s, control, exact=exact)
    order = Order(
        scenarios=(replay.scenario,),
        responders=checked_responders(responders, (replay.scenario,)),
        repeat=repeat,
        media_duration_s=None,
        interface=checked_interface(interface),
        access_type=access_type,
        looks=replay.looks,
    )
    planned = _plan(replay, order)
    if dry_run:
        show_plan(planned, as_json=as_json)
        return
    home = home_folder()
    check_consent(order, home)
    collector = None if no_upload or collector is None else checked_collector(collector, home)
    _announce(replay, planned, exact=exact)
    _check_offers(order, replay)
    with listener_on_terminal() as listener:
        report = execute(order, writable_home(), collector, listener, random.Random(seed))
    show(report, as_json=as_json)
    sys.exit(exit_code(report))


def _load(file: Path, flow: str | None, duration_s: float | None, control: Control, *, exact: bool) -> Replay:
    try:
        return load_replay(file, flow=_flow(flow), duration_s=duration_s, control=control, exact=exact)
    except ReplayFileError as error:
        raise WrongInputError(str(error)) from error


def _flow(text: str | None) -> Flow | None:
    try:
        return None if text is None else parse_flow(text)
    except ValueError as error:
        raise WrongInputError(f"--flow: {error}") from error


def _plan(replay: Replay, order: Order) -> Plan:
    lasts_s = round(replay.scenario.media_duration_s + OVERHEAD_S, 2)
    one = PlannedScenario(
        scenario=replay.scenario.id,
        to=tuple(f"{url.host}:{url.port} (trace and signalling TCP, media UDP)" for url in order.responders),
        bytes=replay.bytes,
        seconds=lasts_s,
    )
    return Plan(
        scenarios=(one,),
        repeat=order.repeat,
        bytes=order.repeat * replay.bytes,
        minutes=round(order.repeat * lasts_s / 60, 2),
    )


def _announce(replay: Replay, planned: Plan, *, exact: bool) -> None:
    """Say on stderr, before anything is sent, what goes where."""
    for line in announcement(replay, planned, exact=exact):
        click.echo(line, err=True)


def announcement(replay: Replay, planned: Plan, *, exact: bool) -> list[str]:
    """Return what is said before anything is sent."""
    trace, where = replay.trace, " or ".join(planned.scenarios[0].to)
    packets = f"{len(trace.up.schedule)} packets up and {len(trace.down.schedule)} down"
    what = f"{packets} in {trace.duration_s:.1f} s{_flaws(replay)}"
    lines = [
        f"The call: {what}, three times at once: as it was, and as two controls.",
        f"About {planned.bytes / MEGABYTE:.2f} MB in {planned.minutes:.1f} minutes to {where}.",
    ]
    if exact:
        lines.append("WARNING: --exact sends the addresses, user names and tokens that are in the recording.")
    else:
        lines.append(
            f"Scrubbed: addresses, user names and tokens in {replay.changed_packets} packets; "
            "--exact leaves them in."
        )
    return lines


def _flaws(replay: Replay) -> str:
    recorded = replay.recorded
    flaws = [
        f"{recorded.filled} cut off in the recording and filled up" if recorded.filled else "",
        f"{recorded.left_out} that cannot be sent left out" if recorded.left_out else "",
    ]
    said = [flaw for flaw in flaws if flaw]
    return f" ({', '.join(said)})" if said else ""


def _check_offers(order: Order, replay: Replay) -> None:
    try:
        with asyncio.Runner(loop_factory=StampedLoop) as loop:
            for url in order.responders:
                loop.run(_check_offer(url, order, replay))
    except (GuardConfigError, NoReplaysError) as error:
        raise WrongInputError(str(error)) from error


async def _check_offer(url: ResponderUrl, order: Order, replay: Replay) -> None:
    net = SocketNet(Guard.from_environ(os.environ), random.Random(0), interface=order.interface)
    await check_offer(net, url, replay.trace)
