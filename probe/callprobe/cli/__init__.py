"""Composition root: clocks, networks and servers are made here, one module per command."""
