"""RTP streams and flows, counted in three tiers that give the same figures."""
