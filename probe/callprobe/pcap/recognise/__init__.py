"""Whose call it is, how sure that is, and which dialect is nearest."""
