"""The interval of a share of observations. Knows numbers only."""

from __future__ import annotations

import math

Z90 = 1.6448536269514722  # two-sided 90 % normal quantile
Z95 = 1.959963984540054


def wilson(share: float, n: float, z: float = Z90) -> tuple[float, float]:
    """Return the Wilson score interval of a share of n observations (n may be fractional)."""
    if n <= 0:
        return 0.0, 1.0
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
