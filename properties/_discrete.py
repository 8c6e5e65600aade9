"""Runs of an optimizer on a random target: exact, in floats, and what the identities leave of them.

A float run is checked in exact arithmetic: its snapshots are taken for the fractions that they are, so that whatever
the residual shows comes from the run. Bound: with every term off by at most ``n`` roundings, the residual is at most
``gamma(n)`` times the sum of its absolute terms (``magnitude``), for quadratic charges ``n`` counts both factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from ..oracles.dynamics import (
    Affine,
    Charge,
    Grouped,
    Law,
    Leaves,
    Moment,
    Optimizer,
    Signed,
    Translation,
    Vector,
    charge_of,
    magnitude,
    rational_root,
    root,
    run,
)
from ._symmetric import Family, targets, to_arrays, to_exact
from ._theorem import Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Engine = Literal["torch", "numpy"]
STEP_ROUNDINGS = 12
"""Roundings of one optimizer step on any path, those of its hyper-parameters included."""


class Trainable(Protocol):
    """What a run needs: a ``Target``, or a ``Network``."""

    @property
    def charge(self) -> Charge: ...

    @property
    def roundings(self) -> int: ...

    def gradient(self, k: int, point: Leaves) -> Leaves: ...

    def gradient_sizes(self, k: int, point: Leaves) -> Leaves: ...


class Network:
    """A layered ReLU network with a batch for each step, as one tensor; the charge is one of its balances.

    Args:
        spec: such as ``relu:3-4-2+bias``.
        batches: for each step inputs and targets; used in turn.
        neuron: which of the known laws.
    """

    def __init__(self, spec: str, batches: Sequence[tuple[Any, Any]], neuron: int = 0) -> None:
        from ..oracles.models import PathLifting, known_laws, parse_model
        from ..simulations import DataLoss, ReluNetwork

        model = parse_model(spec)
        assert isinstance(model, PathLifting)
        self.model = model
        self.losses = [DataLoss(ReluNetwork(model), inputs, outputs) for inputs, outputs in batches]
        self.charge: Charge = charge_of([law for family in known_laws(model) for law in family.polynomials()][neuron])
        self.roundings = self.losses[0].roundings

    def gradient(self, k: int, point: Leaves) -> Leaves:
        """The gradient at step k, of one Vector or array."""
        loss, theta = self.losses[k % len(self.losses)], point[0]
        return (Vector(loss.gradient(theta.entries)) if isinstance(theta, Vector) else loss(theta),)

    def gradient_sizes(self, k: int, point: Leaves) -> Leaves:
        """The sums of the absolute terms of the gradient."""
        return (self.losses[k % len(self.losses)].absolute(point[0]),)


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """A target, a starting point, an optimizer for each step, and the slots before the first."""

    target: Trainable
    start: Leaves
    optimizers: tuple[Any, ...]
    state: tuple[Any, ...] | None = None

    def __repr__(self) -> str:
        steps = "; ".join(dict.fromkeys(map(shown_optimizer, self.optimizers)))
        start = ", ".join(f"({', '.join(map(str, leaf))})" for leaf in self.start)
        buffer = "" if self.state is None else f", buffers {self.state}"
        return f"{self.target} from {start}{buffer} by {len(self.optimizers)} steps of {steps}"

    @property
    def charge(self) -> Charge:
        return self.target.charge


def shown_optimizer(optimizer: Any) -> str:
    """An optimizer without the hyper-parameters that are off, and with fractions as people write them."""
    if isinstance(optimizer, Grouped):
        return f"groups {', '.join(map(shown_optimizer, optimizer.groups))} of tensors {optimizer.members}"
    shown = [(f.name, getattr(optimizer, f.name)) for f in fields(optimizer) if f.name != "root"]
    chosen = [(k, v) for k, v in shown if v is not None and v is not False and v != 0]
    return f"{type(optimizer).__name__}({', '.join(f'{k}={_shown(v)}' for k, v in chosen)})"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(str, cast('tuple[object, ...]', value)))})"
    return str(value)


def cases(optimizers: SearchStrategy[tuple[Any, ...]], *families: Family, steps: int) -> SearchStrategy[Case]:
    """Cases of ``steps`` steps; ``optimizers`` draws one optimizer for each step."""
    from hypothesis import strategies as st

    def build(target: tuple[Trainable, Leaves], chosen: tuple[Any, ...]) -> Case:
        return Case(target[0], target[1], chosen)

    return st.builds(build, targets(*families, steps=steps), optimizers)


def exact_run(case: Case) -> tuple[Moment, ...]:
    """The run over the rationals."""
    return run(case.optimizers, case.start, case.target.gradient, state=case.state)


def windows(law: Law, moments: Sequence[Moment], charge: Charge) -> Iterator[Sequence[Moment]]:
    """All windows of a run that the identity speaks of; for identities of any length the whole run."""
    starts = range(len(moments) - law.steps)
    starts = starts[:1] if law.longer else starts
    for k in starts:
        window = moments if law.longer else moments[k : k + law.steps + 1]
        if not law.obstacle(window, charge):
            yield window


def exact_residual(laws: Sequence[Law], case: Case) -> Residual:
    """The largest residual of an exact run: exactly 0. Nontrivial if a step of the run has a gradient."""
    moments, charge = exact_run(case), case.charge
    found = [
        Residual(abs(law.residual(w, charge)), nontrivial=moving(w), note=law.name)
        for law in laws
        for w in windows(law, moments, charge)
    ]
    return worst(found)


def float_residual(laws: Sequence[Law], case: Case, engine: Engine | None = None, dtype: str = "float64") -> Residual:
    """The worst residual of a run in floats, evaluated exactly, against its bound.

    Raises:
        Skipped: torch is asked for and not installed.
    """
    moments, charge = bounded(float_run(case, engine or any_engine(), dtype)), case.charge
    return worst([judged(law, w, charge, case.target, dtype) for law in laws for w in windows(law, moments, charge)])


def bounded(moments: Sequence[Moment]) -> Sequence[Moment]:
    """A run up to where it diverges: an entry beyond 2^20 in absolute value."""
    for k, moment in enumerate(moments):
        if not all((abs(leaf) <= 2.0**20).all() for leaf in moment.parameters):
            return moments[:k]
    return moments


def charge_along(moments: Sequence[Moment], charge: Charge) -> list[float]:
    """The value of a linear or quadratic charge at every moment of a run in floats, evaluated exactly, then rounded."""
    points = [to_exact(moment.parameters) for moment in moments]
    return [float(charge.pair(point, point)) for point in points]


def worst(found: Sequence[Residual]) -> Residual:
    """The one that is nearest to its bound, or farthest beyond it."""
    if not found:
        return Residual(0, nontrivial=False, note="no window")
    largest = max(found, key=lambda r: r.value / r.bound if r.bound else r.value)
    return replace(largest, nontrivial=any(r.nontrivial for r in found))


def any_engine() -> Engine:
    """torch where it is installed."""
    from importlib.util import find_spec

    return "torch" if find_spec("torch") else "numpy"


def moving(window: Sequence[Moment]) -> bool:
    """Whether the last step of a window has a gradient other than zero."""
    gradients = window[-2].gradients or ()
    return any(x != 0 for g in gradients if g is not None for x in g)


def judged(law: Law, window: Sequence[Moment], charge: Charge, target: Trainable, dtype: str) -> Residual:
    """The residual of a float window with its bound (see the head of this module)."""
    import numpy as np

    from ..simulations.fields import gamma

    value = abs(law.residual([exact_moment(moment) for moment in window], charge))
    wide = [_moment(moment, _wide) for moment in window]
    sizes = [target.gradient_sizes(m.index, m.parameters if m.asked is None else m.asked) for m in wide[:-1]]
    roundings = 2 * (target.roundings + STEP_ROUNDINGS * law.steps)
    terms = float(magnitude(law, wide, array_charge(charge, window[0].parameters), sizes))
    # below the normal range a rounding is an absolute error instead
    tiny = float(np.finfo(dtype).tiny) * (1 + terms)
    return Residual(float(value), gamma(roundings, dtype) * terms + tiny, nontrivial=moving(window))


def exact_moment(moment: Moment) -> Moment:
    """A moment of a float run as the fractions that its numbers are."""
    exact = _moment(moment, lambda leaf: to_exact((leaf,))[0])
    return replace(exact, optimizer=None if moment.optimizer is None else exact_optimizer(moment.optimizer))


def _moment(moment: Moment, convert: Callable[[Any], Any]) -> Moment:
    """A moment with every tensor converted, those in its slots too."""

    def leaves(found: Any) -> Any:
        return None if found is None else tuple(map(slot, found))

    def slot(found: Any) -> Any:
        if found is None or isinstance(found, tuple):
            return leaves(found)
        if is_dataclass(found) and not isinstance(found, type):
            tensors = {f.name: slot(getattr(found, f.name)) for f in fields(found) if f.name != "step"}
            return replace(found, **tensors)
        return convert(found)

    return replace(
        moment,
        parameters=leaves(moment.parameters),
        gradients=leaves(moment.gradients),
        state=leaves(moment.state),
        asked=leaves(moment.asked),
    )


def float_run(case: Case, engine: Engine, dtype: str = "float64") -> tuple[Moment, ...]:
    """The run in floats: by ``torch.optim`` itself (for what it has), or by our own step on numpy arrays.

    Raises:
        Skipped: torch is asked for and not installed.
    """
    import numpy as np

    from ._torch_steps import known_to_torch, torch_run

    start = to_arrays(case.start, dtype)
    state = None if case.state is None else to_arrays(case.state, dtype)
    optimizers = [float_optimizer(optimizer) for optimizer in case.optimizers]
    with np.errstate(over="ignore", invalid="ignore"):  # runs may diverge, see ``bounded``
        if engine == "torch" and known_to_torch(optimizers[0]):
            return torch_run(case.target, start, optimizers, state)
        return run(optimizers, start, case.target.gradient, state=state)


def float_optimizer(optimizer: Any) -> Any:
    """The same with floats for fractions."""
    return _mapped(optimizer, lambda x: float(x) if isinstance(x, Fraction | int) else x, root)


def exact_optimizer(optimizer: Optimizer) -> Any:
    """The same with the fractions that floats are; its roots are off by less than 2^-256."""
    return _mapped(optimizer, lambda x: Fraction(x) if isinstance(x, float) else x, _fine_root)


def _fine_root(x: Any) -> Any:
    return rational_root(x, 256)


def _mapped(optimizer: Any, convert: Callable[[Any], Any], roots: Callable[[Any], Any]) -> Any:
    def value(x: Any) -> Any:
        if isinstance(x, bool):
            return x
        if isinstance(x, tuple):
            return tuple(map(value, cast("tuple[object, ...]", x)))
        return roots if callable(x) else convert(x)

    if isinstance(optimizer, Grouped):
        return Grouped(tuple(_mapped(group, convert, roots) for group in optimizer.groups), optimizer.members)
    return replace(optimizer, **{f.name: value(getattr(optimizer, f.name)) for f in fields(optimizer)})


def array_charge(charge: Charge, point: Leaves) -> Charge:
    """The same charge with float coefficients and numpy masks."""
    import numpy as np

    def leaf(x: Any) -> Any:
        return np.array([float(entry) for entry in x]) if isinstance(x, Vector) else float(x)

    if isinstance(charge, Signed):
        return Signed({i: leaf(w) for i, w in charge.weights.items()})
    if isinstance(charge, Translation):
        return Translation({i: leaf(c) for i, c in charge.covector.items()})
    assert isinstance(charge, Affine)
    return Affine(
        {pair: float(x) for pair, x in charge.matrix.items()}, {i: float(x) for i, x in charge.constant.items()}
    )


def _wide(leaf: Any) -> Any:
    """A float32 array as float64: bounds are computed in more digits than what they bound."""
    return leaf.astype(float)
