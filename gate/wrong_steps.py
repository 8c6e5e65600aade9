"""Steps that people write by mistake, as optimizers: what conventions tell a run with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from ..oracles.dynamics import SGD, SGDW, Adam, Leaf, Number, root


def changed(name: str, value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A hyper-parameter set to a function of itself; None for optimizers that lack it."""

    def change(h: Any) -> Any:
        return replace(h, **{name: value(getattr(h, name))}) if hasattr(h, name) else None

    return change


def flipped(name: str) -> Callable[[Any], Any]:
    """A switch in its other position."""
    return changed(name, lambda on: not on)


def decay_times(factor: float) -> Callable[[Any], Any]:
    """Decay times a number."""
    return changed("weight_decay", lambda decay: factor * decay)


def rate_times(factor: float) -> Callable[[Any], Any]:
    """The learning rate times a number."""
    return changed("lr", lambda rate: factor * rate)


def nesterov(h: Any) -> Any:
    """Nesterov momentum instead of the other, and the other way round."""
    fits = isinstance(h, SGD) and h.momentum != 0
    return replace(h, nesterov=not h.nesterov, dampening=0.0) if fits else None


def without_momentum(h: Any) -> Any:
    """No momentum."""
    if not getattr(h, "momentum", 0):
        return None
    return replace(h, momentum=0.0, nesterov=False) if isinstance(h, SGD) else replace(h, momentum=0.0)


def averaging(h: Any) -> Any:
    """``v = momentum * v + (1 - momentum) * g``."""
    fits = isinstance(h, SGD) and h.momentum != 0 and not h.nesterov
    return replace(h, dampening=h.momentum) if fits else None


def averaging_at_once(h: Any) -> Any:
    """The same, at the first step too."""
    made = averaging(h)
    return None if made is None else replace(made, first_step_damped=True)


def coupled(h: Any) -> Any:
    """Coupled decay in the place of decoupled decay."""
    if isinstance(h, SGDW):
        return SGD(lr=h.lr, momentum=h.momentum, weight_decay=h.weight_decay, maximize=h.maximize)
    return replace(h, decoupled=False) if getattr(h, "decoupled", False) and h.weight_decay else None


def decoupled(h: Any) -> Any:
    """Decoupled decay in the place of coupled decay; SGDW where it has the terms for it."""
    if not getattr(h, "weight_decay", 0) or isinstance(h, SGDW) or getattr(h, "decoupled", False):
        return None
    if isinstance(h, Adam):
        return replace(h, decoupled=True)
    if not isinstance(h, SGD):
        return DecayOutside(h)
    if h.momentum == 0:
        return None  # the same step
    return DecayOutside(h) if h.nesterov or h.dampening else _sgdw(h, h.weight_decay)


def unrated(h: Any) -> Any:
    """Decoupled decay that is not multiplied by the rate."""
    if not getattr(h, "weight_decay", 0) or not getattr(h, "lr", 0):
        return None
    if isinstance(h, SGDW) or (isinstance(h, SGD) and not h.nesterov and not h.dampening):
        return _sgdw(h, h.weight_decay / h.lr)
    return DecayOutside(h, rated=False)


def decay_after(h: Any) -> Any:
    """Decoupled decay after the step instead of before it."""
    return DecayOutside(h, after=True) if getattr(h, "weight_decay", 0) and hasattr(h, "lr") else None


def _sgdw(h: Any, weight_decay: Number) -> SGDW:
    return SGDW(lr=h.lr, momentum=h.momentum, weight_decay=weight_decay, maximize=h.maximize)


@dataclass(frozen=True, slots=True)
class RootPlus:
    """``sqrt(x + eps)``."""

    eps: float

    def __call__(self, x: Leaf) -> Leaf:
        return root(x + self.eps)


def eps_inside(h: Any) -> Any:
    """Epsilon inside of the root where it was outside."""
    if isinstance(h, Adam):
        return EpsInside.of(h)
    fits = getattr(h, "eps", 0) and h.root is root
    return replace(h, eps=0.0, root=RootPlus(float(h.eps))) if fits else None


def eps_outside(h: Any) -> Any:
    """Epsilon outside of the root where it was inside."""
    inside = getattr(getattr(h, "root", None), "eps", None)
    return None if inside is None else replace(h, eps=inside, root=root)


@dataclass(frozen=True, slots=True)
class DecayOutside:
    """An optimizer whose decay is taken out of its gradient: the parameters shrink by themselves.

    Args:
        inner: the optimizer as described, with its decay.
        rated: the decay is multiplied by the learning rate.
        after: the parameters shrink after the step, not before.
    """

    inner: Any
    rated: bool = True
    after: bool = False

    def update(self, theta: Leaf, gradient: Leaf, slot: Any) -> tuple[Leaf, Any]:
        decay = self.inner.weight_decay * (self.inner.lr if self.rated else 1)
        after, slot = replace(self.inner, weight_decay=0.0).update(theta, gradient, slot)
        shrunk = (1 - decay) * after if self.after else after - decay * theta
        return shrunk, slot


class _Adam(Adam):
    __slots__ = ()

    @classmethod
    def of(cls, h: Any) -> Any:
        """The same hyper-parameters; None for other optimizers."""
        return cls(**{f.name: getattr(h, f.name) for f in fields(h)}) if type(h) is Adam else None

    def _root(self, slot: Any) -> Leaf:
        return self.root(slot.largest if self.amsgrad else slot.square)


class AdamUncorrected(_Adam):
    """Without bias corrections."""

    __slots__ = ()

    def rate(self, slot: Any) -> Number:
        return self.lr

    def metric(self, slot: Any) -> Leaf:
        return self._root(slot) + self.eps


class AdamNoFirstCorrection(_Adam):
    """Without the correction of the mean of gradients."""

    __slots__ = ()

    def rate(self, slot: Any) -> Number:
        return self.lr


class AdamNoSecondCorrection(_Adam):
    """Without the correction of the mean of squares."""

    __slots__ = ()

    def metric(self, slot: Any) -> Leaf:
        return self._root(slot) + self.eps


class EpsInside(_Adam):
    """``sqrt(v / (1 - beta2^t) + eps)``."""

    __slots__ = ()

    def metric(self, slot: Any) -> Leaf:
        square = slot.largest if self.amsgrad else slot.square
        return self.root(square / (1 - self.beta2**slot.step) + self.eps)


class EpsBeforeCorrection(_Adam):
    """``(sqrt(v) + eps) / sqrt(1 - beta2^t)``."""

    __slots__ = ()

    def metric(self, slot: Any) -> Leaf:
        return (self._root(slot) + self.eps) / self.root(1 - self.beta2**slot.step)


class CountAhead(_Adam):
    """The step counter of the bias corrections is one ahead."""

    __slots__ = ()

    def rate(self, slot: Any) -> Number:
        return Adam.rate(self, replace(slot, step=slot.step + 1))

    def metric(self, slot: Any) -> Leaf:
        return Adam.metric(self, replace(slot, step=slot.step + 1))
