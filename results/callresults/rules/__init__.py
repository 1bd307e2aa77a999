"""Verdict rules as data, and the one judge that applies them to an arm and its controls."""
