"""How far a share in the population may lie from a counted one."""

from __future__ import annotations

import math

SIGMAS = 2.576
"""Of a normal distribution, for a confidence of 99 %; the probe ``class-prior`` uses the same."""


def interval(count: int, total: int, sigmas: float = SIGMAS) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Wilson 1927, Probable inference, the law of succession, and statistical inference, JASA 22; recommended for counts
    of any size by Brown, Cai and DasGupta 2001, Interval estimation for a binomial proportion, Statistical Science 16.

    Args:
        count: items of the class, 0 to ``total``.
        total: all items, above 0.
        sigmas: width in standard deviations of a normal distribution.

    Returns:
        Lower and upper end, within 0 and 1.
    """
    share, square = count / total, sigmas * sigmas
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = sigmas / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)
