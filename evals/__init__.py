"""Evaluation suites that use only wmagent's public names."""

if __name__ != "wmagent.evals":
    raise ImportError(f"import this package as wmagent.evals, not as {__name__}")
