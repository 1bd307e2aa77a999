"""One run of the probe: session with the responder, numbered phases, progress."""
