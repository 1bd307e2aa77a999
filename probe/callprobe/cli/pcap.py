"""``callprobe pcap``: captures of calls, read, played again, and what browsers wrote of calls."""

from typing import Final

from callprobe.cli.main import LazyGroup

COMMANDS: Final = {
    "analyze": "callprobe.cli.pcap_analyze:analyze_command",
    "replay": "callprobe.cli.replay:replay_command",
    "import": "callprobe.cli.dumps:import_command",
    "build-kernel": "callprobe.cli.pcap_kernel:build_kernel_command",
}

pcap_command = LazyGroup(
    COMMANDS,
    name="pcap",
    help="Captures of calls: tell what they show, play them again, import what browsers wrote.",
    no_args_is_help=True,
)
