"""Stand-ins for a network: relay, in-memory network on a virtual clock, emulated histories."""
