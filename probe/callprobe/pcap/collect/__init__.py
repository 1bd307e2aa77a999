"""Collectors of what a capture shows in clear: STUN, TURN, ICE, relays, reflectors, DTLS, RTCP."""
