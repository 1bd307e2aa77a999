"""Where the probe stands: country, network, access type; redaction of everything that could tell more."""
