"""Capture files: recognised by their first bytes, unpacked, cut into frames; nothing grows with the file."""
