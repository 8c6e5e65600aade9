"""All affine generators of a tiny target at once: the count that nothing else may miss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._draws import Sampler
from ._null import null_space


@dataclass(frozen=True, slots=True)
class AffineCount:
    """The dimension of all fields ``M theta + c`` that gradients are orthogonal to.

    Args:
        unknowns: D (D + 1).
        nullity: the dimension.
        translations: K, the constant ones.
        modules: K (D + 1): a constant translation times any affine function is orthogonal as well, and is no new law.
        kept: the smallest relative singular value outside the null space.
        dropped: the largest one inside.
    """

    unknowns: int
    nullity: int
    translations: int
    kept: float
    dropped: float

    @property
    def modules(self) -> int:
        return self.translations * (round(self.unknowns**0.5) + 1 if self.unknowns else 0)

    @property
    def beyond(self) -> int:
        """Dimensions that are no constant translation times a function."""
        return self.nullity - self.modules


def affine_count(sampler: Sampler) -> AffineCount:
    """The nullity of ``(vec(g theta^T), g)`` over draws (theory, section 11.2).

    For targets of at most some twenty parameters: D (D + 1) unknowns.
    """
    size = sampler.size
    unknowns = size * (size + 1)
    rows = np.zeros((unknowns + 40, unknowns))
    gradients = np.zeros((unknowns + 40, size))
    for k, draw in enumerate(sampler.take(unknowns + 40)):
        g = np.concatenate([part.ravel() for part in draw.gradient])
        theta = np.concatenate([part.ravel() for part in draw.theta])
        row = np.concatenate([np.outer(g, theta).ravel(), g])
        rows[k] = row / np.linalg.norm(row)
        gradients[k] = g / np.linalg.norm(g)
    null = null_space(rows, sampler.tolerance)
    constant = null_space(gradients, sampler.tolerance)
    return AffineCount(unknowns, len(null.basis), len(constant.basis), null.kept, null.dropped)
