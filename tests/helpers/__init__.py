"""What several test modules share: fakes of the network, never of objects."""
