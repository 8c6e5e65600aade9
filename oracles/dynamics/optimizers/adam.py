"""Adam and AdamW as PyTorch has them, with amsgrad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._laws import Entry, Law, NoLaw, Setting, View
from .._leaves import Leaf, Leaves, Number, maximum, quotient, rational_root, root

if TYPE_CHECKING:
    from .._formal import Symbols


@dataclass(frozen=True, slots=True)
class AdamSlot:
    """After ``step`` steps: the means of gradients and of their squares, and the largest of the latter (amsgrad)."""

    step: Number
    mean: Leaf
    square: Leaf
    largest: Leaf | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """``torch.optim.Adam``; with ``decoupled=True`` it is ``torch.optim.AdamW``.

        d = g + weight_decay * theta, or g where decay is decoupled and theta first shrinks by 1 - lr * weight_decay
        m = beta1 * m + (1 - beta1) * d,   v = beta2 * v + (1 - beta2) * d^2
        P = root(v) / root(1 - beta2^t) + eps,   theta' = theta - lr / (1 - beta1^t) * m / P

    Over rational numbers ``root`` is exact or raises ``NoExactRoot``; ``rational_root`` gives a run that stays rational
    and still obeys every identity, for they hold for any diagonal P. Otherwise run on floats.

    >>> after, slot = Adam(lr=1, beta1=0, beta2=0, eps=0).update(3, -2, None)
    >>> after == 4
    True
    """

    lr: Number
    beta1: Number = Fraction(9, 10)
    beta2: Number = Fraction(999, 1000)
    eps: Number = Fraction(1, 10**8)
    weight_decay: Number = 0
    decoupled: bool = False
    amsgrad: bool = False
    maximize: bool = False
    root: Callable[[Leaf], Leaf] = root

    @property
    def keep(self) -> Number:
        """``a``: what decoupled decay leaves of the parameters."""
        return 1 - self.lr * self.weight_decay if self.decoupled else 1

    @property
    def coupled_decay(self) -> Number:
        """``lam'``: the decay inside of the gradient."""
        return 0 if self.decoupled else self.weight_decay

    def update(self, theta: Leaf, gradient: Leaf, slot: AdamSlot | None) -> tuple[Leaf, AdamSlot]:
        """One tensor after a step."""
        d = -gradient if self.maximize else gradient
        if not self.decoupled and self.weight_decay != 0:
            d = d + self.weight_decay * theta
        before = AdamSlot(0, 0 * d, 0 * d, 0 * d if self.amsgrad else None) if slot is None else slot
        square = self.beta2 * before.square + (1 - self.beta2) * (d * d)
        after = AdamSlot(
            before.step + 1,
            self.beta1 * before.mean + (1 - self.beta1) * d,
            square,
            maximum(before.largest, square) if self.amsgrad else None,
        )
        moved = self.keep * theta if self.decoupled and self.weight_decay != 0 else theta
        return moved - self.rate(after) * (after.mean / self.metric(after)), after

    def rate(self, slot: AdamSlot) -> Number:
        """``lr / (1 - beta1^t)``, from the slot after the step."""
        return quotient(self.lr, 1 - self.beta1**slot.step)

    def metric(self, slot: AdamSlot) -> Leaf:
        """The diagonal P that divides the step, from the slot after it."""
        chosen = slot.largest if self.amsgrad else slot.square
        return self.root(chosen) / self.root(1 - self.beta2**slot.step) + self.eps


def AdamW(**hyperparameters: Any) -> Adam:  # noqa: N802 (the name of the optimizer)
    """``torch.optim.AdamW``: Adam with decoupled decay, 1/100 by default."""
    chosen: dict[str, Any] = {"weight_decay": Fraction(1, 100), **hyperparameters, "decoupled": True}
    return Adam(**chosen)


def is_adam(optimizer: Any) -> bool:
    """Adam or AdamW."""
    return isinstance(optimizer, Adam)


def metric_step(view: View) -> Leaves:
    """``P * (theta_{k+1} - a theta_k)``, tensor by tensor."""
    keep = view.optimizer(0).keep
    return tuple(
        view.of_tensor(0, i).metric(slot) * d if slot is not None else 0 * d
        for i, (slot, d) in enumerate(zip(view.slots(1), view.delta(0, keep), strict=True))
    )


def means(view: View, k: int) -> Leaves:
    """The means of the gradients before step k; 0 before the first."""
    return tuple(0 * p if m is None else m.mean for m, p in zip(view.slots(k), view.theta(k), strict=True))


def _step(view: View) -> tuple[Number, Number]:
    slot = view.slots(1)[view.tensors()[0]]
    return view.pair(metric_step(view), 0), -view.optimizer(0).rate(slot) * view.pair(means(view, 1), 0)


def _mean(view: View) -> tuple[Number, Number]:
    h = view.optimizer(0)
    decayed = (1 - h.beta1) * h.coupled_decay * view.pair(view.theta(0), 0)
    return view.pair(means(view, 1), 0), h.beta1 * view.pair(means(view, 0), 0) + decayed


def _mean_defect(view: View) -> Number:
    return (1 - view.optimizer(0).beta1) * view.defect(0)


def _joined(view: View) -> tuple[Number, Number]:
    """The step in the metric, from the means before it: what a run with its state has to obey."""
    h = view.optimizer(0)
    rate = h.rate(view.slots(1)[view.tensors()[0]])
    return view.pair(metric_step(view), 0), -rate * _mean(view)[1]


def _joined_defect(view: View) -> Number:
    rate = view.optimizer(0).rate(view.slots(1)[view.tensors()[0]])
    return -rate * _mean_defect(view)


def _setting(decoupled: bool) -> Callable[[Symbols], Setting]:
    def setting(symbols: Symbols) -> Setting:
        optimizer = Adam(
            lr=symbols("eta"),
            beta1=symbols("beta1"),
            beta2=symbols("beta2"),
            eps=symbols("eps"),
            weight_decay=symbols("lam"),
            decoupled=decoupled,
            root=lambda x: symbols.opaque("root", x),
        )
        return (optimizer,), AdamSlot(symbols("t"), symbols.leaf("m"), symbols.leaf("v"))

    return setting


def _laws(decoupled: bool) -> tuple[Law, ...]:
    prefix = "adamw" if decoupled else "adam"

    def applies(h: Any) -> bool:
        return isinstance(h, Adam) and h.decoupled is decoupled

    def none(view: View) -> Number:
        return 0

    decay = "" if decoupled else r" + (1-\beta_1)\lambda\,\langle\theta_k, \xi(\theta_k)\rangle"
    keep = r"(1-\eta\lambda)\,\theta_k" if decoupled else r"\theta_k"
    pieces: tuple[tuple[str, str, Any, Any], ...] = (
        (
            "step",
            rf"\langle P_k(\theta_{{k+1}} - {keep}), x\rangle = "
            r"-\tfrac{\eta}{1-\beta_1^t}\,\langle m_t, x\rangle \ \text{for every } x",
            _step,
            none,
        ),
        (
            "mean",
            r"\langle m_t, \xi(\theta_k)\rangle = \beta_1\langle m_{t-1}, \xi(\theta_k)\rangle" + decay,
            _mean,
            _mean_defect,
        ),
        (
            "metric",
            rf"\langle P_k(\theta_{{k+1}} - {keep}), \xi(\theta_k)\rangle = -\tfrac{{\eta}}{{1-\beta_1^t}}"
            rf"\bigl(\beta_1\langle m_{{t-1}}, \xi(\theta_k)\rangle{decay}\bigr)",
            _joined,
            _joined_defect,
        ),
    )
    return tuple(
        Law(
            id="B0.adaptive",
            name=f"{prefix}.{name}",
            charges=("linear", "generator"),
            needs="state",
            steps=1,
            says=lambda h, kind: "metric-weighted only",
            formula=formula,
            applies=applies,
            sides=sides,
            defect=defect,
            setting=_setting(decoupled),
            tensors=2,
            coordinates=True,
        )
        for name, formula, sides, defect in pieces
    )


_HALF = Fraction(1, 2)
ENTRY = Entry(
    title="Adam",
    laws=(*_laws(False), *_laws(True)),
    none=(
        NoLaw(
            charges=("quadratic", "antisymmetric"),
            reason="every coordinate has its own step size, which the symmetry does not know",
            applies=is_adam,
        ),
    ),
    columns=(
        (6, "Adam", Adam(lr=_HALF, weight_decay=_HALF, root=rational_root)),
        (7, "AdamW", AdamW(lr=_HALF, root=rational_root)),
    ),
)
