"""HTML reports: answers in, one self-contained page out. Knows no model, no torch."""
