"""The way of a measurement to the collector: outbox and client."""
