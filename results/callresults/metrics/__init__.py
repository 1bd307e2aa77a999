"""Metrics by their standards; pure functions."""
