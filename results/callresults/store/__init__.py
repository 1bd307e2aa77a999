"""Durable storage of measurements and the published columns."""
