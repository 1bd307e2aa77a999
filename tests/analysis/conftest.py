"""Loads the analysis before numpy, so that its one-thread setting holds in tests as it does in use."""

import callanalysis  # noqa: F401
