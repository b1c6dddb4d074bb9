"""Between words and latents: text backends and interface adapters. Knows no langgraph."""

if __name__ != "wmagent.adapters":
    raise ImportError(f"import this package as wmagent.adapters, not as {__name__}")
