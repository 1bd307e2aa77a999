"""Keys of each nettest."""
