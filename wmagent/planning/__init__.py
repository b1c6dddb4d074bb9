"""Planners that search imagined futures. Knows only the latent protocols."""
