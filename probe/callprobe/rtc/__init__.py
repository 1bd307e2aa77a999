"""The only place that imports aiortc, aioice and av."""
