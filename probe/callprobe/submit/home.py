"""Where the probe keeps what it writes: ``CALLPROBE_HOME``, else the user's data folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs

HOME_VARIABLE: Final = "CALLPROBE_HOME"


class HomeError(Exception):
    """The folder cannot be used; the sentence says which and why."""


def resolve_home(environ: Mapping[str, str]) -> Path:
    """Return the folder that holds everything the probe writes, made for its owner's eyes only.

    Raises:
        HomeError: it cannot be made.
    """
    named = environ.get(HOME_VARIABLE)
    home = Path(named).expanduser() if named else platformdirs.user_data_path("callprobe")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise HomeError(f"{home}: cannot be the probe's folder ({HOME_VARIABLE}): {error}.") from error
    return home.absolute()
