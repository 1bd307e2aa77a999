"""The far end: sessions, answers in every dialect, reflector, WHIP peer, limits."""
