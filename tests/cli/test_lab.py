"""``callprobe lab`` holds what stands in for a network."""

from click.testing import CliRunner

from callprobe.cli.lab import COMMANDS, lab_command


def test_each_part_explains_itself() -> None:
    """The group imports what it names."""
    for name in COMMANDS:
        ended = CliRunner().invoke(lab_command, [name, "--help"])
        assert (ended.exit_code, ended.stderr) == (0, "")
