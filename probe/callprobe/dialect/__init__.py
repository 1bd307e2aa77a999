"""The looks of applications: first packets, framing, media profile; pure."""
