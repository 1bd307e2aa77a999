"""The collector: receives, verifies, deduplicates, stores, publishes."""
