"""What a call measurement is: the record, its metrics, the verdict rules, the store and the collector."""

__version__ = "0.1.0"
