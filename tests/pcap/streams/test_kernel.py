"""The kernel: built when asked to, loaded when it is there, and proof against any bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from callprobe.pcap.streams import kernel
from callprobe.pcap.streams.kernel import Kernel, KernelError

SANITIZED = Path(__file__).with_name("sanitized_kernel.py")


def test_nothing_is_built_unasked(tmp_path: Path) -> None:
    """Where no library lies there is none, and looking leaves nothing behind."""
    assert kernel.load(tmp_path) is None
    assert kernel.load() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.peer("cc")
def test_built_library_loads(tmp_path: Path) -> None:
    """Under the digest of its source, in the folder that was given; nothing else stays there."""
    path = kernel.build(tmp_path)

    assert path == kernel.library_path(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    assert kernel.load(tmp_path) is not None


@pytest.mark.peer("cc")
def test_library_lies_in_the_probes_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CALLPROBE_HOME says where, as for everything else that the probe keeps."""
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path / "home"))

    assert kernel.build().is_relative_to(tmp_path / "home")


def test_other_library_is_not_loaded(tmp_path: Path) -> None:
    """What is no library, under the right name, is none."""
    kernel.library_path(tmp_path).write_bytes(b"no library")

    assert kernel.load(tmp_path) is None


def test_absent_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(KernelError, match="No C compiler"):
        kernel.build(tmp_path)


@pytest.mark.peer("cc")
def test_failing_compiler_is_quoted(tmp_path: Path) -> None:
    """What it said, and nothing half done stays."""
    with pytest.raises(KernelError, match="no-such-flag"):
        kernel.build(tmp_path, flags=["-no-such-flag"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.peer("cc")
def test_empty_kernel_has_nothing(tmp_path: Path) -> None:
    """No frames, streams or flows; and it may end twice."""
    kernel.build(tmp_path)
    library = kernel.load(tmp_path)
    assert library is not None
    state = Kernel(library)
    state.end()
    state.end()

    assert (state.summary().frames, list(state.totals()), list(state.flows())) == (0, [], [])


@pytest.mark.peer("cc")
def test_any_bytes_are_read_within_their_bounds(tmp_path: Path) -> None:
    """Thousands of damaged pieces, each in memory of exactly its size, under AddressSanitizer and UBSan."""
    kernel.build(tmp_path, flags=["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
    compiler = kernel.compiler()
    assert compiler is not None
    runtimes = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    done = subprocess.run(
        [sys.executable, str(SANITIZED), str(tmp_path)],
        env={
            **os.environ,
            "LD_PRELOAD": " ".join(runtimes),
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr[-2000:]) == (0, "")
    assert int(done.stdout) > 10_000
