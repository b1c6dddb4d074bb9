"""Event logs as companies have them, read into columns."""

from wmagent.worlds.logs.reading import Reading, read_log

__all__ = ["Reading", "read_log"]
