"""``callprobe pcap build-kernel``."""

import pytest
from click.testing import CliRunner

from callprobe.cli.main import main


@pytest.mark.peer("cc")
def test_kernel_is_built_where_the_command_says() -> None:
    """The command prints the file that it made."""
    result = CliRunner().invoke(main, ["pcap", "build-kernel"])

    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("built: ")


def test_missing_compiler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler nothing is built, and the person is told what to install."""
    monkeypatch.setenv("PATH", "")
    result = CliRunner().invoke(main, ["pcap", "build-kernel"])

    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "compiler" in result.stderr
