"""How much of a difference chance explains."""

from __future__ import annotations

import numpy as np

from pipeline.alerts.sample import Floats


def deviance(x: Floats, mu: Floats) -> Floats:
    """Half the Poisson deviance: how much a count says against an expectation, whatever its size."""
    mu = np.maximum(mu, 1e-9)
    found: Floats = np.where(x > 0, x * np.log(np.maximum(x, 1e-9) / mu), 0.0) - (x - mu)
    return np.maximum(found, 0.0)


def sigmas(x: Floats, mu: Floats, clumping: Floats | float, noise: Floats) -> Floats:
    """How many standard deviations a count lies from its expectation, with its sign.

    Args:
        x: Observed hits.
        mu: Expected hits.
        clumping: Variance over mean of small counts: pages come in visits.
        noise: Relative error of a large expectation.
    """
    scale = clumping + noise * noise * np.maximum(mu, 1e-9)
    found: Floats = np.sign(x - mu) * np.sqrt(2 * deviance(x, mu) / scale)
    return found
