"""Verdict rules as data."""
