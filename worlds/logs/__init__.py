"""Event logs as companies have them, read into columns."""

from wmagent.worlds.logs.quality import Quality
from wmagent.worlds.logs.reading import ENDINGS, Reading, read_log
from wmagent.worlds.logs.streaming import stream_log

__all__ = ["ENDINGS", "Quality", "Reading", "read_log", "stream_log"]
