"""HTML reports: answers in, one self-contained page out. Knows the answers of `wmagent.domain`, no model, no torch."""

from wmagent.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
