"""Captures; the only place that imports scapy."""
