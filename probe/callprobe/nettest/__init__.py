"""One module per nettest."""
