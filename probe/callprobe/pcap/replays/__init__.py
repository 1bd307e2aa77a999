"""From a recording to a trace that both ends can play."""
