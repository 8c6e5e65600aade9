"""A target is run and written down: parameters, gradients, and how much gradients know of themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ..oracles.dynamics import Gradients, Grouped, Leaves, Moment
from ..oracles.dynamics._runs import LooksAhead
from ..oracles.text import shown
from .balls import FORMATS, Format, hyperparameters
from .calls import Caller
from .errors import TargetError
from .target import Array, Target

CERTAIN = 10.0
"""Rounding errors of independent signs add up to at most this times the root of their number, but for a chance of
2 exp(-CERTAIN^2 / 2) < 1e-21 (Higham and Mary, SIAM J. Sci. Comput. 41 (2019), A2815)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Runs of a target as moments, with arrays of float64 as leaves.

    Args:
        target: its name.
        names: of the tensors.
        dtype: what parameters are kept in.
        gradient_dtype: what gradients are computed in, if that is coarser.
        roundings: how many units of roundoff a gradient may be off, relative to its terms.
        runs: the moments of each run; without gradients where only snapshots are known. ``state`` matters in the first
            moment of a run alone: it is the memory of the optimizer there, where it does not start.
        probes: for each run and step a moment at parameters that are one rounding away, with its gradients; or nothing.
        transform: what was done to the gradients of the target.
        before: the same record with the gradients before that; None where nothing was done.
    """

    target: str
    names: tuple[str, ...]
    dtype: str
    gradient_dtype: str = ""
    roundings: float
    runs: tuple[tuple[Moment, ...], ...]
    probes: tuple[tuple[Moment, ...], ...] = ()
    transform: Callable[[Gradients], Gradients] | None = None
    before: Record | None = None

    @property
    def format(self) -> Format:
        """Of the parameters."""
        return FORMATS[self.dtype]

    @property
    def gradient_format(self) -> Format:
        """Of the gradients."""
        return FORMATS[self.gradient_dtype or self.dtype]

    @property
    def has_gradients(self) -> bool:
        """Whether every step has its gradients."""
        return all(moment.gradients is not None for moments in self.runs for moment in moments[:-1])


def record(target: Target, *, seed: int = 0, runs: int = 3, steps: int = 12, time_limit: float | None = None) -> Record:
    """Runs a target from fresh parameters.

    At every step the gradients are asked of ``loss_and_gradient`` at the recorded parameters, and once more at
    parameters of which each is one rounding away.

    Args:
        target: the target.
        seed: of all parameters and batches.
        runs: how many runs.
        steps: the length of each.
        time_limit: seconds for one call of the target; the call is abandoned in a thread of its own. None: no limit.

    Raises:
        TargetError: a callable raises, takes too long, or returns what is no run.
    """
    return _Recorder(target, time_limit).record(seed, runs, steps)


def snapshots(
    moments: Sequence[Sequence[Moment]],
    names: Sequence[str],
    *,
    target: str = "run",
    dtype: str = "float64",
    roundings: float | None = None,
) -> Record:
    """A record of runs that somebody else wrote down, perhaps without gradients.

    Args:
        moments: of each run; leaves become arrays of float64, hyper-parameters floats. A run that starts later than
            with step 0 needs the state in its first moment, for identities that need it.
        names: of the tensors.
        target: a name.
        dtype: what the parameters were kept in.
        roundings: as in ``Target``; estimated from the shapes by default.
    """
    kept = tuple(tuple(_floating(moment) for moment in run) for run in moments)
    shapes = [np.shape(leaf) for leaf in kept[0][0].parameters]
    return Record(
        target=target,
        names=tuple(names),
        dtype=dtype,
        roundings=spread(estimated(shapes, None) if roundings is None else roundings),
        runs=kept,
    )


def transformed(record: Record, transform: Callable[[Gradients], Gradients]) -> Record:
    """The record of a step that transforms gradients first."""

    def change(moments: Sequence[Moment]) -> tuple[Moment, ...]:
        return tuple(m if m.gradients is None else replace(m, gradients=transform(m.gradients)) for m in moments)

    return replace(
        record,
        runs=tuple(map(change, record.runs)),
        probes=tuple(map(change, record.probes)),
        transform=transform,
        before=record,
    )


def _floating(moment: Moment) -> Moment:
    gradients = moment.gradients
    return Moment(
        moment.index,
        tuple(np.asarray(leaf, dtype=np.float64) for leaf in moment.parameters),
        None if moment.optimizer is None else hyperparameters(moment.optimizer, float),
        None if gradients is None else tuple(None if g is None else np.asarray(g, dtype=np.float64) for g in gradients),
        moment.state,
        None if moment.asked is None else tuple(np.asarray(leaf, dtype=np.float64) for leaf in moment.asked),
    )


def spread(roundings: float) -> float:
    """How far n roundings carry, in units."""
    return max(1.0, min(roundings, CERTAIN * math.sqrt(roundings)))


def estimated(shapes: Sequence[tuple[int, ...]], batch: Any) -> float:
    """The longest sums through forward and backward pass: inputs and outputs of every layer, and the batch."""
    total = 0.0
    for shape in shapes:
        size = math.prod(shape)
        total += 8 + sum(size / length for length in shape[:2] if length) if len(shape) > 1 else 8
    return total + _examples(batch)


def _examples(batch: object) -> float:
    """The number of examples that are summed: the entries of the largest array but for its second axis."""
    table = _mapping(batch)
    if table is not None or isinstance(batch, tuple | list):
        parts = cast("list[object]", batch) if table is None else table.values()
        return max(map(_examples, parts), default=1.0)
    shape: tuple[Any, ...] = tuple(getattr(batch, "shape", ()))
    if not shape or not all(isinstance(length, int) for length in shape):
        return 1.0
    floating = "float" in str(getattr(batch, "dtype", ""))
    return float(math.prod(shape)) / (float(shape[1]) if floating and len(shape) > 1 and shape[1] else 1.0)


def _mapping(thing: object) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", thing) if isinstance(thing, Mapping) else None


def _kind(thing: object) -> str:
    return type(thing).__name__


class _Recorder:
    """One target, and what its first answers fix: names and shapes."""

    def __init__(self, target: Target, time_limit: float | None) -> None:
        for what, dtype in (("dtype", target.dtype), ("gradient_dtype", target.gradient_dtype)):
            if dtype not in FORMATS and (what == "dtype" or dtype):
                raise TargetError(f"Target {target.name}: {what} is {shown(dtype)}. Known are {', '.join(FORMATS)}.")
        self.target = target
        self.call = Caller(target.name, time_limit)
        self.names: tuple[str, ...] = ()
        self.shapes: tuple[tuple[int, ...], ...] = ()
        formats = FORMATS[target.dtype], FORMATS[target.gradient_dtype or target.dtype]
        self.coarse = min(formats, key=lambda format: format.bits)

    def record(self, seed: int, runs: int, steps: int) -> Record:
        if runs < 1 or steps < 1:
            raise TargetError(
                f"Target {self.target.name}: {runs} runs of {steps} steps measure nothing; take one each."
            )
        told = [self._described(k) for k in range(steps)]
        kept: list[tuple[Moment, ...]] = []
        probes: list[tuple[Moment, ...]] = []
        batch: Any = None
        for run in range(runs):
            draws = np.random.SeedSequence([seed, run]).generate_state(steps + 1).tolist()
            batches = [self.call("batch", self.target.batch, number) for number in draws[1:]]
            batch = batches[0]
            moments, near = self._run(run, draws[0], told, batches)
            kept.append(moments)
            probes.append(near)
        known = self.target.roundings
        made = Record(
            target=self.target.name,
            names=self.names,
            dtype=self.target.dtype,
            gradient_dtype=self.target.gradient_dtype,
            roundings=spread(estimated(self.shapes, batch) if known is None else known),
            runs=tuple(kept),
            probes=tuple(probes),
        )
        transform = self.target.transform
        return made if transform is None else self.call("transform", transformed, made, transform)

    def _run(
        self, run: int, seed: int, told: Sequence[Any], batches: Sequence[Any]
    ) -> tuple[tuple[Moment, ...], tuple[Moment, ...]]:
        drawn = self.call("draw", self.target.draw, seed)
        self._leaves(drawn, "draw", f"run {run}")  # names and shapes, before anything is started from them
        state = self.call("start", self.target.start, {name: np.array(drawn[name]) for name in self.names})
        signs = np.random.default_rng(seed)
        moments: list[Moment] = []
        probes: list[Moment] = []
        point = self._leaves(self.call("read", self.target.read, state), "read", f"run {run}, before step 0")
        for k, (optimizer, batch) in enumerate(zip(told, batches, strict=True)):
            where = f"run {run}, step {k}"
            gradients, asked = self._gradients(point, batch, where), None
            ahead = optimizer.groups[0] if isinstance(optimizer, Grouped) else optimizer
            if isinstance(ahead, LooksAhead):
                asked = ahead.ascend(point, gradients)
                gradients = self._gradients(asked, batch, where)
            near = tuple(_neighbour(leaf, self.coarse.bits, signs) for leaf in (point if asked is None else asked))
            probes.append(Moment(k, near, None, self._gradients(near, batch, where)))
            moments.append(Moment(k, point, optimizer, gradients, None, asked))
            state = self.call("step", self.target.step, state, batch)
            point = self._leaves(self.call("read", self.target.read, state), "read", f"run {run}, after step {k}")
        moments.append(Moment(len(told), point))
        return tuple(moments), tuple(probes)

    def _described(self, k: int) -> Any:
        optimizer: Any = self.call("optimizer", self.target.optimizer, k)
        if not hasattr(optimizer, "update"):
            raise TargetError(
                f"Target {self.target.name}: optimizer({k}) is of type {type(optimizer).__name__}. It describes step "
                f"{k} with an optimizer of flowlaw.oracles.dynamics, such as SGD(lr=0.1)."
            )

        def number(x: float) -> float:
            if not math.isfinite(x):
                raise TargetError(f"Target {self.target.name}: optimizer({k}) has the hyper-parameter {x}.")
            return float(x)

        return hyperparameters(optimizer, number)

    def _leaves(self, arrays: object, call: str, where: str) -> Leaves:
        """The tensors in order, as float64; the first call fixes names and shapes."""
        head = f"Target {self.target.name}: {call} ({where})"
        parameters = _mapping(arrays)
        if not parameters:
            raise TargetError(f"{head} returned {_kind(arrays)}, not a dictionary of named arrays.")
        names = tuple(map(str, parameters))
        if not self.names:
            self.names = names
            self.shapes = tuple(np.shape(array) for array in parameters.values())
        elif names != self.names:
            changed = next((n for n in (*names, *self.names) if (n in names) != (n in self.names)), None)
            what = "in another order" if changed is None else f"with another set of names: {shown(changed)}"
            raise TargetError(f"{head} returned parameters {what}. They must be the same at every step.")
        return tuple(
            self._leaf(parameters[name], shape, f"{head}: {shown(name)}", self.target.dtype)
            for name, shape in zip(self.names, self.shapes, strict=True)
        )

    def _leaf(self, array: Any, shape: tuple[int, ...], what: str, dtype: str) -> Array:
        found = np.asarray(array)
        if found.dtype.kind != "f":
            raise TargetError(f"{what} has dtype {found.dtype}. Parameters and gradients are arrays of floats.")
        if found.dtype.itemsize < (8 if dtype == "float64" else 4 if dtype in ("float32", "bfloat16") else 2):
            raise TargetError(f"{what} has dtype {found.dtype}, which does not hold the numbers of a {dtype} run.")
        if found.shape != shape:
            raise TargetError(f"{what} has shape {found.shape}, and the parameter has {shape}.")
        copied = found.astype(np.float64)
        if not np.isfinite(copied).all():
            worst = "NaN" if np.isnan(copied).any() else "infinite"
            raise TargetError(f"{what} is {worst}. Lower the learning rate, or look for what diverges.")
        return copied

    def _gradients(self, point: Leaves, batch: Any, where: str) -> tuple[Array | None, ...]:
        given = {name: np.array(leaf) for name, leaf in zip(self.names, point, strict=True)}
        head = f"Target {self.target.name}: loss_and_gradient ({where})"
        answer: Any = self.call("loss_and_gradient", cast(Any, self.target.loss_and_gradient), given, batch)
        pair = tuple(answer) if issubclass(cast("type[object]", type(answer)), tuple) else (None,)
        gradients = _mapping(pair[1]) if len(pair) == 2 else None
        if gradients is None:
            raise TargetError(f"{head} returned {_kind(answer)}, not a pair: the loss, and a dictionary of gradients.")
        loss = self.call("loss_and_gradient", float, pair[0])
        if not math.isfinite(loss):
            raise TargetError(f"{head} returned the loss {loss}. Lower the learning rate, or look for what diverges.")
        for name in (*gradients, *self.names):
            if name not in gradients or name not in self.names:
                raise TargetError(f"{head}: {shown(name)} is not both a parameter and a gradient (None: skipped).")
        return tuple(
            None
            if gradients[name] is None
            else self._leaf(gradients[name], shape, f"{head}: gradient of {shown(name)}", "float16")
            for name, shape in zip(self.names, self.shapes, strict=True)
        )


def _neighbour(leaf: Array, bits: int, rng: np.random.Generator) -> Array:
    """Every entry moved to the next number of a format with so many bits, up or down at random."""
    _, exponent = np.frexp(leaf)
    signs = rng.integers(0, 2, size=leaf.shape) * 2 - 1
    near: Array = np.where(leaf == 0, 0.0, leaf + signs * np.ldexp(1.0, exponent - bits))
    return near
