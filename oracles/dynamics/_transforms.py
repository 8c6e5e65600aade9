"""What is done to gradients before an optimizer sees them, and which charges survive it (B0.clipping).

Each transform is an exact map of the gradients of one step. ``keeps`` says for the three kinds of charges of the table
whether the transformed gradients are still orthogonal to the generator; then every identity holds with the transformed
gradient in the place of ``g``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ._leaves import Leaf, Number, clamp, dot, quotient, root, total
from ._runs import Gradients

Survival = Literal["exact", "exact in one tensor", "broken"]
Use = Literal["translation", "scale", "rescale"]
"""Of a charge: a covector, the squared norm of one tensor, or the difference of those of two tensors."""

_ALL: Mapping[Use, Survival] = {"translation": "exact", "scale": "exact", "rescale": "exact"}
_NONE: Mapping[Use, Survival] = {"translation": "broken", "scale": "broken", "rescale": "broken"}


class Transform(Protocol):
    """A map of the gradients of one step."""

    @property
    def title(self) -> str: ...

    @property
    def keeps(self) -> Mapping[Use, Survival]: ...

    def __call__(self, gradients: Gradients) -> Gradients: ...


def _each(gradients: Gradients, factors: Sequence[Number]) -> Gradients:
    return tuple(None if g is None else f * g for g, f in zip(gradients, factors, strict=True))


def clip_factor(limit: Number, norm: Number, eps: Number = 0) -> Number:
    """``min(1, limit / (norm + eps))``; PyTorch has ``eps = 1e-6``."""
    return min(1, quotient(limit, norm + eps)) if norm + eps != 0 else 1


@dataclass(frozen=True, slots=True)
class ClipGlobalNorm:
    """``clip_grad_norm_``: all gradients times one factor.

    Args:
        limit: the largest norm that is left alone.
        norm: of all gradients together; computed if None, which over rational numbers takes an exact root.
        eps: added to the norm.

    >>> ClipGlobalNorm(limit=1)((3, 4))
    (Fraction(3, 5), Fraction(4, 5))
    """

    limit: Number
    norm: Number = None
    eps: Number = 0
    title: str = field(default="global-norm clipping", init=False)

    @property
    def keeps(self) -> Mapping[Use, Survival]:
        return _ALL

    def __call__(self, gradients: Gradients) -> Gradients:
        norm = root(total(dot(g, g) for g in gradients if g is not None)) if self.norm is None else self.norm
        return _each(gradients, [clip_factor(self.limit, norm, self.eps)] * len(gradients))


@dataclass(frozen=True, slots=True)
class ClipEachTensor:
    """Norm clipping of every tensor by itself, as some call per-layer clipping.

    >>> ClipEachTensor(limit=1, norms=(2, 4))((2, 4))
    (Fraction(1, 1), Fraction(1, 1))
    """

    limit: Number
    norms: tuple[Number, ...] | None = None
    eps: Number = 0
    title: str = field(default="per-tensor norm clipping", init=False)

    @property
    def keeps(self) -> Mapping[Use, Survival]:
        return {"translation": "exact in one tensor", "scale": "exact", "rescale": "broken"}

    def __call__(self, gradients: Gradients) -> Gradients:
        norms = self.norms or tuple(0 if g is None else root(dot(g, g)) for g in gradients)
        return _each(gradients, [clip_factor(self.limit, norm, self.eps) for norm in norms])


@dataclass(frozen=True, slots=True)
class ClipValue:
    """``clip_grad_value_``: every entry between ``-limit`` and ``limit``.

    >>> ClipValue(limit=2)((3, -1))
    (2, -1)
    """

    limit: Number
    title: str = field(default="value clipping (elementwise)", init=False)

    @property
    def keeps(self) -> Mapping[Use, Survival]:
        return _NONE

    def __call__(self, gradients: Gradients) -> Gradients:
        return tuple(None if g is None else clamp(g, -self.limit, self.limit) for g in gradients)


@dataclass(frozen=True, slots=True)
class Scale:
    """Loss scaling: all gradients times one number.

    >>> Scale(factor=3)((1, None))
    (3, None)
    """

    factor: Number
    title: str = field(default="loss scaling", init=False)

    @property
    def keeps(self) -> Mapping[Use, Survival]:
        return _ALL

    def __call__(self, gradients: Gradients) -> Gradients:
        return _each(gradients, [self.factor] * len(gradients))


@dataclass(frozen=True, slots=True)
class Accumulate:
    """Gradients of more batches, or of more workers, at the same point: their sum, or mean.

    >>> Accumulate(others=((4,),), mean=True)((2,))
    (Fraction(3, 1),)
    """

    others: tuple[Gradients, ...]
    mean: bool = True
    title: str = field(default="accumulation or averaging over workers, at fixed theta", init=False)

    @property
    def keeps(self) -> Mapping[Use, Survival]:
        return _ALL

    def __call__(self, gradients: Gradients) -> Gradients:
        count = 1 + len(self.others) if self.mean else 1
        summed: list[Leaf | None] = []
        for parts in zip(gradients, *self.others, strict=True):
            present = [part for part in parts if part is not None]
            summed.append(quotient(total(present), count) if present else None)
        return tuple(summed)


@dataclass(frozen=True, slots=True)
class AddNoise:
    """Noise of any kind added to the gradients, as in DP-SGD.

    >>> AddNoise(noise=(1,))((2,))
    (3,)
    """

    noise: tuple[Leaf, ...]
    title: str = field(default="additive noise (DP-SGD)", init=False)

    @property
    def keeps(self) -> Mapping[Use, Survival]:
        return _NONE

    def __call__(self, gradients: Gradients) -> Gradients:
        return tuple(None if g is None else g + n for g, n in zip(gradients, self.noise, strict=True))


@dataclass(frozen=True, slots=True)
class Stale:
    """Gradients of an earlier point take the place of those of this one.

    >>> Stale(earlier=(5,))((2,))
    (5,)
    """

    earlier: Gradients
    title: str = field(default="stale gradients", init=False)

    @property
    def keeps(self) -> Mapping[Use, Survival]:
        return {"translation": "exact", "scale": "broken", "rescale": "broken"}

    def __call__(self, gradients: Gradients) -> Gradients:
        return self.earlier


TRANSFORMS: tuple[Transform, ...] = (
    ClipGlobalNorm(limit=1),
    Scale(factor=1),
    Accumulate(others=()),
    ClipEachTensor(limit=1),
    ClipValue(limit=1),
    AddNoise(noise=()),
    Stale(earlier=()),
)
"""One of each, for tables."""


def transform_table() -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Columns and rows of the table of transforms, from ``keeps``."""
    uses: tuple[Use, ...] = ("translation", "scale", "rescale")
    return ("transform", *uses), tuple((t.title, *(t.keeps[use] for use in uses)) for t in TRANSFORMS)
