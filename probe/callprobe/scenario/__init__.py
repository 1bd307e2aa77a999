"""Scenario files: model, loading, catalogue; pure apart from reading the file."""
