"""Judges public claims about calls from the published data set."""

__version__ = "0.1.0"
