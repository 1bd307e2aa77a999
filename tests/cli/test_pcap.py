"""``callprobe pcap``: the group."""

from click.testing import CliRunner

from callprobe.cli.main import main
from callprobe.cli.pcap import COMMANDS


def test_help_names_every_command() -> None:
    """Each command imports, and help says what it is for."""
    result = CliRunner().invoke(main, ["pcap", "--help"])

    assert result.exit_code == 0
    assert [name for name in COMMANDS if name not in result.stdout] == []
