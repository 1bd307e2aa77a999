"""What several commands take: the probe's folder, and a collector's URL."""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from callprobe.cli.errors import WrongInputError
from callprobe.submit.home import HOME_VARIABLE, HomeError, resolve_home
from callprobe.vantage.consent import CONSENT_HASH, consent_given, is_loopback_url


def home_folder() -> Path:
    """Return the probe's folder. Raises WrongInputError."""
    try:
        return resolve_home(os.environ)
    except HomeError as error:
        raise WrongInputError(str(error)) from error


def writable_home() -> Path:
    """Return the probe's folder after a trial of its disk, so that nothing is measured that cannot be kept.

    Raises:
        WrongInputError: nothing can be written there.
    """
    home = home_folder()
    try:
        for folder in (home, home / "results"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"trial")
    except OSError as error:
        raise WrongInputError(
            f"{home}: results cannot be saved there ({HOME_VARIABLE}): {error.strerror or error}."
        ) from error
    return home


def checked_collector(url: str, home: Path) -> str:
    """Return ``url`` if measurements may be sent there.

    Raises:
        WrongInputError: it is no URL, plain HTTP beyond this machine, or nobody here has consented.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise WrongInputError(f"--collector: {url!r} is no URL; https://HOST[:PORT] is one.")
    if is_loopback_url(url):
        return url
    if parts.scheme == "http":
        raise WrongInputError("--collector: plain HTTP is for this machine only; give an https:// URL.")
    if not consent_given(home, CONSENT_HASH):
        raise WrongInputError("Nothing is sent beyond this machine before `callprobe onboard`.")
    return url
