"""A test whose real peer is absent is reported loudly, or fails where all peers are required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.peers import PEERS, REPOSITORY, why_absent

WANTS_SHARED = 'import pytest\n@pytest.mark.peer("shared")\ndef test_wanting():\n    assert True is True\n'
WANTS_UNKNOWN = WANTS_SHARED.replace("shared", "unheard-of")


def run_pytest(tmp_path: Path, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one test module under the house's conftest, with shared data at a place where there is none."""
    module = tmp_path / "test_inner.py"
    module.write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CALLPROBE_")}
    paths = {"PYTHONPATH": str(REPOSITORY / "tests"), "CALLPROBE_SHARED": str(tmp_path / "nowhere")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-c", REPOSITORY / "pyproject.toml", module],
        env=clean | paths | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_absent_peer_is_said_loudly(tmp_path: Path) -> None:
    """Without the peer the test is not run, and the summary says how many and why."""
    result = run_pytest(tmp_path, WANTS_SHARED)

    assert result.returncode == 0
    assert "NOT RUN: 1 test(s) need shared: no captures in nowhere beside the clone" in result.stdout


def test_absent_peer_fails_where_all_are_required(tmp_path: Path) -> None:
    """CALLPROBE_REQUIRE_ALL turns absence into a failure of one sentence."""
    result = run_pytest(tmp_path, WANTS_SHARED, CALLPROBE_REQUIRE_ALL="1")

    assert result.returncode == 1
    assert "this test needs shared, and every peer is required here: no captures" in result.stdout


def test_excused_peer_is_still_said(tmp_path: Path) -> None:
    """CALLPROBE_WITHOUT names what may be missing; the summary tells of it all the same."""
    result = run_pytest(tmp_path, WANTS_SHARED, CALLPROBE_REQUIRE_ALL="1", CALLPROBE_WITHOUT="shared")

    assert result.returncode == 0
    assert "NOT RUN: 1 test(s) need shared" in result.stdout


def test_unknown_peer_fails_always(tmp_path: Path) -> None:
    """A mistyped peer cannot hide a test."""
    result = run_pytest(tmp_path, WANTS_UNKNOWN)

    assert result.returncode == 1
    assert "unknown peer 'unheard-of'" in result.stdout


@pytest.mark.parametrize("name", PEERS)
def test_absence_has_a_reason(name: str) -> None:
    """Each peer answers with a reason or with nothing at all."""
    assert why_absent(name) is None or len(str(why_absent(name))) > 10


def test_environment_is_clean(tmp_path: Path) -> None:
    """Tests see no setting of the person who runs them, and a home of their own."""
    text = (
        "import os\n"
        "def test_clean():\n"
        "    ours = {n for n in os.environ if n.startswith('CALLPROBE_')}\n"
        "    assert ours == {'CALLPROBE_ONLY_LOCAL', 'CALLPROBE_HOME', 'CALLPROBE_SHARED'}\n"
        "    assert 'HTTPS_PROXY' not in os.environ\n"
    )
    result = run_pytest(tmp_path, text, CALLPROBE_LOCAL_NETS="10.0.0.0/8", HTTPS_PROXY="http://192.0.2.1:1")

    assert result.returncode == 0, result.stdout
