"""For tests that feed parsers hostile bytes."""

from collections.abc import Callable


def outcome(parse: Callable[[], object], complaint: type[Exception]) -> str:
    """Return "parsed", or the sentence of ``complaint``; any other exception passes through and fails."""
    try:
        parse()
    except complaint as error:
        return str(error)
    return "parsed"
