"""Where experience comes from: simulators with exact oracles, and recorded transitions. Knows no torch."""

if __name__ != "wmagent.worlds":
    raise ImportError(f"import this package as wmagent.worlds, not as {__name__}")
