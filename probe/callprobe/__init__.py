"""The volunteer's probe, the responder it calls, and the lab that stands in for a network."""

__version__ = "0.1.0"
