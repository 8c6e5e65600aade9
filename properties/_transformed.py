"""Targets whose gradients are transformed before the optimizer sees them, as training code does (B0.clipping)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..oracles.dynamics import (
    Accumulate,
    AddNoise,
    Charge,
    ClipEachTensor,
    ClipGlobalNorm,
    ClipValue,
    Leaves,
    Scale,
    Stale,
    Vector,
    dot,
    rational_root,
    root,
)
from ._discrete import Trainable
from ._symmetric import Target, to_arrays

F = Fraction
Maker = Callable[[Trainable, Leaves, int, Leaves, Leaves], Any]
"""The transform of a step: from the target, the first point of the run, k, the point and its gradients."""


@dataclass(frozen=True, slots=True, repr=False)
class Transformed:
    """A target seen through a transform.

    Args:
        target: the loss.
        start: where the run starts.
        name: of the transform, a key of ``MAKERS``.
        charge: of the target.
    """

    target: Trainable
    start: Leaves
    name: str
    charge: Charge

    def __repr__(self) -> str:
        return f"{self.name} on {self.target}"

    @property
    def roundings(self) -> int:
        """A factor, a product and a sum more than those of the target."""
        return self.target.roundings + 4

    def gradient(self, k: int, point: Leaves) -> Leaves:
        """What the optimizer sees."""
        gradients = self.target.gradient(k, point)
        return tuple(MAKERS[self.name](self.target, self.start, k, point, gradients)(gradients))

    def gradient_sizes(self, k: int, point: Leaves) -> Leaves:
        """Sums of absolute terms, for transforms that multiply each tensor by a number."""
        before, after = self.target.gradient(k, point), self.gradient(k, point)
        sizes = self.target.gradient_sizes(k, point)
        return tuple([_ratio(x, y) * size for x, y, size in zip(before, after, sizes, strict=True)])


def _ratio(before: Any, after: Any) -> float:
    return max((abs(y / x) for x, y in zip(before.tolist(), after.tolist(), strict=True) if x), default=1.0)


def _norm(leaves: Leaves) -> Any:
    """The norm of all gradients together: a rational number near it, or the float."""
    squared = sum(dot(leaf, leaf) for leaf in leaves)
    return rational_root(squared) if isinstance(leaves[0], Vector) else root(squared)


def _accumulated(target: Trainable, start: Leaves, k: int, point: Leaves, g: Leaves) -> Any:
    return Accumulate(others=(target.gradient(k + 1, point), target.gradient(k + 2, point)))


def _noise(target: Trainable, start: Leaves, k: int, point: Leaves, g: Leaves) -> Any:
    """Numbers that know nothing of the point."""
    noise = tuple(Vector(F((7 * i + 3 * j + k) % 5 - 2, 8) for j in range(len(x))) for i, x in enumerate(g))
    return AddNoise(noise if isinstance(g[0], Vector) else to_arrays(noise, g[0].dtype))


def _clipped(target: Trainable, start: Leaves, k: int, point: Leaves, g: Leaves) -> Any:
    """``torch.nn.utils.clip_grad_norm_`` for arrays, where torch is installed."""
    if isinstance(g[0], Vector) or find_spec("torch") is None:
        return ClipGlobalNorm(limit=F(1, 2) if isinstance(g[0], Vector) else 0.5, norm=_norm(g))
    torch: Any = import_module("torch")

    def clip(gradients: Leaves) -> Leaves:
        parameters = [torch.nn.Parameter(torch.tensor(leaf)) for leaf in gradients]
        for parameter in parameters:
            parameter.grad = parameter.detach().clone()
        torch.nn.utils.clip_grad_norm_(parameters, 0.5)
        return tuple([parameter.grad.numpy() for parameter in parameters])

    return clip


def _each(target: Trainable, start: Leaves, k: int, point: Leaves, g: Leaves) -> Any:
    limit = F(1, 2) if isinstance(g[0], Vector) else 0.5
    return ClipEachTensor(limit=limit, norms=tuple(_norm((leaf,)) for leaf in g))


MAKERS: Mapping[str, Maker] = {
    "global-norm clipping": _clipped,
    "loss scaling": lambda target, start, k, point, g: Scale(factor=1024),
    "accumulation or averaging over workers, at fixed theta": _accumulated,
    "per-tensor norm clipping": _each,
    "value clipping (elementwise)": lambda target, start, k, point, g: ClipValue(limit=F(1, 4)),
    "additive noise (DP-SGD)": _noise,
    "stale gradients": lambda target, start, k, point, g: Stale(earlier=target.gradient(k, start)),
}
"""By the titles of the transforms."""


@dataclass(frozen=True, slots=True, repr=False)
class Dropout:
    """A target in which hidden units are dropped, differently at each step.

    A dropped ReLU unit (family ``rescale``) has no outgoing weight; a dropped unit of a product U V^T (families
    ``symmetric`` and ``general``) has no column in U.
    """

    target: Target
    masks: tuple[tuple[int, ...], ...]

    def __repr__(self) -> str:
        return f"dropout {self.masks} on {self.target}"

    @property
    def charge(self) -> Charge:
        return self.target.charge

    @property
    def roundings(self) -> int:
        """Zeros and ones do not round."""
        return self.target.roundings

    def gradient(self, k: int, point: Leaves) -> Leaves:
        """Of the loss with the mask of step k."""
        place = 2 if self.target.family == "rescale" else 0
        units = self.masks[k % len(self.masks)]
        mask = Vector(units[i % len(units)] for i in range(len(point[place])))
        changed = tuple(mask * leaf if i == place else leaf for i, leaf in enumerate(point))
        return tuple(mask * g if i == place else g for i, g in enumerate(self.target.gradient(k, changed)))

    def gradient_sizes(self, k: int, point: Leaves) -> Leaves:
        """At most those without dropout."""
        return self.target.gradient_sizes(k, point)
