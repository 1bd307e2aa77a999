"""``callprobe lab``: relay and emulated histories."""

from typing import Final

from callprobe.cli.main import LazyGroup

COMMANDS: Final = {
    "relay": "callprobe.cli.lab_relay:relay_command",
    "incident": "callprobe.cli.lab_incident:incident_command",
}

lab_command = LazyGroup(
    COMMANDS,
    name="lab",
    help="Stand-ins for a network: a relay with a censor in it, emulated histories.",
    no_args_is_help=True,
)
