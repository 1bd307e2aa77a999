"""Which real peers this machine has: programs, rights and shared data that some tests need."""

import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def shared_directory() -> Path:
    """Return where the shared captures lie: ``CALLPROBE_SHARED``, or ``shared`` beside the repository."""
    return Path(os.environ.get("CALLPROBE_SHARED") or REPOSITORY.parent / "shared")


def _shared() -> str | None:
    directory = shared_directory()
    return None if (directory / "captures").is_dir() else f"no captures in {directory.name} beside the clone"


def _root() -> str | None:
    return None if os.geteuid() == 0 else "not running as root"


@functools.cache
def _netns() -> str | None:
    attempts = (["unshare", "--net", "true"], ["unshare", "--user", "--map-root-user", "--net", "true"])
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    if any(subprocess.run(attempt, capture_output=True, check=False).returncode == 0 for attempt in attempts):
        return None
    return "this machine lets us make no network namespace"


def _program(*names: str) -> Callable[[], str | None]:
    def absent() -> str | None:
        return None if any(map(shutil.which, names)) else f"{names[0]} is not installed (make system-deps)"

    return absent


def _module(name: str) -> Callable[[], str | None]:
    def absent() -> str | None:
        return None if importlib.util.find_spec(name) else f"{name} is not installed (it has no wheel here)"

    return absent


PEERS: dict[str, Callable[[], str | None]] = {
    "shared": _shared,
    "root": _root,
    "netns": _netns,
    "atheris": _module("atheris"),
    "cc": _program("cc", "gcc", "clang"),
    "iproute2": _program("ip"),
    "nftables": _program("nft"),
    "tshark": _program("tshark"),
    "chromium": _program("chromium", "chromium-browser", "google-chrome"),
}


def why_absent(name: str) -> str | None:
    """Return why peer ``name`` cannot be used here, or None when it can."""
    if name not in PEERS:
        return f"unknown peer {name!r}; known: {', '.join(PEERS)}"
    return PEERS[name]()
