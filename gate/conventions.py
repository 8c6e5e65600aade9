"""Single wrong conventions as data, and which of them explains a run.

A convention tells a run anew: the optimizer another way, or the gradients another way. It explains the run if
everything that failed then holds to within its bounds. Where gradients are known that is the step itself, entry by
entry; where only snapshots are known it is the identities of weights. Several may explain the same run: without
momentum and decay, a rate twice as large and gradients that are summed over two batches are the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..oracles.dynamics import ClipEachTensor, ClipGlobalNorm, ClipValue, Moment
from . import retelling as told
from . import wrong_steps as wrong
from .bounds import replayable, trails, vacuous
from .judge import judge, worst_entries
from .measure import Measured
from .record import Record
from .symmetry import Family

COUNTS = (2, 3, 4, 5, 6, 8, 10, 16, 32, 64)
"""How many batches or workers people have, and sizes of batches."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One wrong convention.

    Args:
        name: such as ``decay-decoupled``.
        sentence: what the implementation then does.
        retell: the record as it reads under the convention: none if it does not apply, several if there is a choice.
        needs: ``weights`` if it can be told from snapshots, else ``gradient``.
    """

    name: str
    sentence: str
    retell: told.Retelling
    needs: str = "weights"


def explain(record: Record, families: Sequence[Family]) -> tuple[str, ...]:
    """The sentences of all conventions under which everything that was measured holds.

    Args:
        record: from ``record`` with gradients, or from ``snapshots`` without.
        families: the charges; they decide where gradients are unknown, or where the step is right and they are wrong.

    Returns:
        Nothing if no single convention explains the record, or if nothing is wrong with it.
    """
    return tuple(convention.sentence for convention in explaining(record, families))


def explaining(record: Record, families: Sequence[Family]) -> tuple[Convention, ...]:
    """The same as conventions."""
    with np.errstate(all="ignore"):
        if not replayable(record):
            failing = [family for family in families if not _identities_hold(record, [family], ())]
            if not failing:
                return ()
            return _holding(CONVENTIONS, record, lambda r: _identities_hold(r, families, failing))
        if not _steps_hold(record):
            every = (*CONVENTIONS, *_of_the_tensor(record))
            return _holding(every, record, _steps_hold) or _holding(PRECISIONS, record, _steps_hold)
        alone = record.before or record
        failing = [family for family in families if not _orthogonal(alone, family)]
        if not failing:
            return ()
        touched = [family.tensors(alone.runs[0][0].parameters) for family in failing]
        shared = [i for i in touched[0] if all(i in tensors for tensors in touched)]
        gradients = [c for i in shared for c in of_tensor(i, alone.names[i]) if c.needs == "gradient"]
        return _holding(gradients, alone, lambda r: all(_orthogonal(r, family) for family in failing))


def _holding(
    conventions: Iterable[Convention], record: Record, holds: Callable[[Record], bool]
) -> tuple[Convention, ...]:
    known = record.has_gradients
    return tuple(
        convention
        for convention in conventions
        if (known or convention.needs == "weights") and any(map(holds, convention.retell(record)))
    )


def _steps_hold(record: Record) -> bool:
    """Whether every entry of every step is as described; most records fail in their first steps."""
    for part in (_shortened(record, 1, 2), _shortened(record, 1, 4), record):
        for trail in trails(part):
            worst = (ratio for k in range(trail.steps) for ratio in worst_entries(trail, k))
            if any(ratio > 1 for ratio in worst) or vacuous(trail):
                return False
    return True


def _shortened(record: Record, runs: int, steps: int) -> Record:
    """The first steps of the first runs."""
    if any(len(moments) <= steps for moments in record.runs):
        return record
    kept = tuple(
        (*moments[:steps], Moment(moments[steps].index, moments[steps].parameters)) for moments in record.runs[:runs]
    )
    return replace(record, runs=kept, probes=tuple(row[:steps] for row in record.probes[:runs]))


def _identities_hold(record: Record, families: Sequence[Family], seen: Sequence[Family]) -> bool:
    """Whether no identity is violated, and one was measured for every family in ``seen``."""
    for family in families:
        verdicts = {finding.verdict for finding in judge(record, [family], explained=False)}
        if "VIOLATED" in verdicts or ("HOLDS" not in verdicts and family in seen):
            return False
    return True


def _orthogonal(record: Record, family: Family) -> bool:
    reading = Measured(record, trails(record), family).orthogonality()
    return reading is None or float(reading.ratio.max(initial=0.0)) <= 1


def of_tensor(number: int, name: str) -> Iterator[Convention]:
    """Conventions about one tensor: its gradient is counted wrongly, or it is not trained."""

    def untrained(i: int, leaf: object, h: object) -> object:
        return wrong.rate_times(0.0)(h) or h if i == number else h

    def counted(factor: float, how: str) -> Convention:
        retell = told.of_tensor(number, lambda g: factor * g)
        sentence = f"The gradient of {name} is counted {how}."
        return Convention(f"gradient-of-{name}-times-{factor:g}", sentence, retell, "gradient")

    yield counted(2.0, "twice")
    yield counted(0.5, "half: only one of its two uses counts")
    yield counted(-1.0, "with the wrong sign")
    yield Convention(
        f"gradient-of-{name}-transposed",
        f"The gradient of {name} is transposed.",
        told.of_tensor(number, lambda g: g.T if g.ndim == 2 and g.shape[0] == g.shape[1] else g),
        "gradient",
    )
    yield Convention(f"{name}-not-trained", f"{name} is not trained.", told.tensors(untrained))


def _of_the_tensor(record: Record) -> Iterator[Convention]:
    """Conventions about the one tensor that fails, if it is one."""
    steps = ((trail, k) for trail in trails(record) for k in range(trail.steps))
    failing = {i for trail, k in steps for i, ratio in enumerate(worst_entries(trail, k)) if ratio > 1}
    if len(failing) == 1:
        (number,) = failing
        yield from of_tensor(number, record.names[number])


CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        "decay-decoupled",
        "Weight decay is decoupled (outside of momentum and scaling: theta shrinks by 1 - lr * weight_decay), where "
        "coupled decay was described.",
        told.optimizers(wrong.decoupled),
    ),
    Convention(
        "decay-coupled",
        "Weight decay is coupled (added to the gradient, before momentum and scaling), where decoupled decay was "
        "described.",
        told.optimizers(wrong.coupled),
    ),
    Convention(
        "decay-without-rate",
        "Weight decay is decoupled and not multiplied by the learning rate.",
        told.optimizers(wrong.unrated),
    ),
    Convention(
        "decay-after-step",
        "Weight decay is decoupled and applied after the step instead of before it.",
        told.optimizers(wrong.decay_after),
    ),
    Convention("decay-missing", "Weight decay is not applied.", told.optimizers(wrong.decay_times(0.0))),
    Convention(
        "decay-doubled",
        "Weight decay is applied twice, or is the gradient of weight_decay * |theta|^2.",
        told.optimizers(wrong.decay_times(2.0)),
    ),
    Convention("decay-halved", "Weight decay is half of what was described.", told.optimizers(wrong.decay_times(0.5))),
    Convention(
        "decay-sign", "Weight decay has the wrong sign: parameters grow.", told.optimizers(wrong.decay_times(-1.0))
    ),
    Convention(
        "decay-spares-vectors",
        "Weight decay is not applied to one-dimensional tensors (biases, gains).",
        told.tensors(lambda i, leaf, h: (wrong.decay_times(0.0)(h) or h) if leaf.ndim <= 1 else h),
    ),
    Convention(
        "decay-on-all",
        "Weight decay is applied to all tensors, where the description spares some.",
        told.decay_on_all,
    ),
    Convention(
        "groups-ignored", "All tensors are trained with the hyper-parameters of the first group.", told.first_group
    ),
    Convention(
        "first-buffer",
        "The first momentum buffer is damped where it should not be, or the other way round: PyTorch does not multiply "
        "it by 1 - dampening.",
        told.optimizers(wrong.flipped("first_step_damped")),
    ),
    Convention(
        "dampening-missing", "Dampening is not applied.", told.optimizers(wrong.changed("dampening", lambda old: 0.0))
    ),
    Convention(
        "dampening-as-average",
        "Gradients enter the buffer times 1 - momentum, as in an exponential average.",
        told.optimizers(wrong.averaging, wrong.averaging_at_once),
    ),
    Convention(
        "nesterov",
        "Nesterov momentum is on where it should be off, or the other way round.",
        told.optimizers(wrong.nesterov),
    ),
    Convention(
        "momentum-missing",
        "Momentum is 0: the buffer is lost between steps.",
        told.optimizers(wrong.without_momentum),
    ),
    Convention(
        "schedule-late",
        "The schedule is applied one step late.",
        told.schedule(lambda row: [row[0], *row[:-1]]),
    ),
    Convention("schedule-early", "The schedule is applied one step early.", told.schedule(lambda row: row[1:])),
    Convention(
        "schedule-missing",
        "The schedule is never applied: every step has the rate of the first.",
        told.schedule(lambda row: [row[0]] * len(row)),
    ),
    Convention(
        "rate-doubled", "The learning rate is twice what was described.", told.optimizers(wrong.rate_times(2.0))
    ),
    Convention(
        "rate-halved", "The learning rate is half of what was described.", told.optimizers(wrong.rate_times(0.5))
    ),
    Convention(
        "rate-tenfold",
        "The learning rate is ten times, or a tenth of, what was described.",
        told.optimizers(wrong.rate_times(10.0), wrong.rate_times(0.1)),
    ),
    Convention(
        "rate-divided",
        "The learning rate is divided by the number of accumulated batches or workers.",
        told.optimizers(*(wrong.rate_times(1 / n) for n in COUNTS[1:])),
    ),
    Convention(
        "sign",
        "The step goes uphill: the sign of the gradient is wrong (maximize).",
        told.optimizers(wrong.flipped("maximize")),
    ),
    Convention(
        "amsgrad",
        "amsgrad is on where it should be off, or the other way round.",
        told.optimizers(wrong.flipped("amsgrad")),
        "gradient",
    ),
    Convention(
        "centered",
        "RMSprop is centered where it should not be, or the other way round.",
        told.optimizers(wrong.flipped("centered")),
        "gradient",
    ),
    Convention(
        "bias-correction-missing",
        "The bias corrections of both means are missing.",
        told.optimizers(wrong.AdamUncorrected.of),
        "gradient",
    ),
    Convention(
        "first-correction-missing",
        "The bias correction of the mean of gradients is missing.",
        told.optimizers(wrong.AdamNoFirstCorrection.of),
        "gradient",
    ),
    Convention(
        "second-correction-missing",
        "The bias correction of the mean of squares is missing.",
        told.optimizers(wrong.AdamNoSecondCorrection.of),
        "gradient",
    ),
    Convention(
        "count-ahead",
        "The step counter of the bias correction is one ahead.",
        told.optimizers(wrong.CountAhead.of),
        "gradient",
    ),
    Convention(
        "eps-inside",
        "Epsilon is added inside of the root instead of outside.",
        told.optimizers(wrong.eps_inside),
        "gradient",
    ),
    Convention(
        "eps-outside",
        "Epsilon is added outside of the root instead of inside.",
        told.optimizers(wrong.eps_outside),
        "gradient",
    ),
    Convention(
        "eps-before-correction",
        "Epsilon is added before the bias correction of the root.",
        told.optimizers(wrong.EpsBeforeCorrection.of),
        "gradient",
    ),
    Convention(
        "eps-missing", "Epsilon is missing.", told.optimizers(wrong.changed("eps", lambda old: 0.0)), "gradient"
    ),
    Convention(
        "gradients-summed",
        "Gradients are summed over batches, workers or examples where they should be averaged.",
        told.times(*map(float, COUNTS)),
        "gradient",
    ),
    Convention(
        "gradients-divided",
        "Gradients are divided by the number of batches, workers or examples once too often.",
        told.times(*(1 / n for n in COUNTS)),
        "gradient",
    ),
    Convention("gradient-stale", "The gradient is that of the step before.", told.stale, "gradient"),
    Convention(
        "gradients-kept",
        "Gradients are not set to zero between steps.",
        told.gradients(told.summed_up),
        "gradient",
    ),
    Convention(
        "clipping-global",
        "Gradients are clipped by their global norm.",
        told.clipping(ClipGlobalNorm, 1e-6, 0.0),
        "gradient",
    ),
    Convention(
        "clipping-each",
        "Gradients are clipped by the norm of each tensor instead of the global norm.",
        told.clipping(ClipEachTensor, 1e-6, 0.0),
        "gradient",
    ),
    Convention(
        "clipping-value",
        "Gradients are clipped entry by entry.",
        told.clipping(ClipValue),
        "gradient",
    ),
    Convention("clipping-missing", "Gradients are not clipped.", told.unclipped, "gradient"),
)
"""In the order in which they are tried."""

PRECISIONS: tuple[Convention, ...] = (
    *(
        Convention(
            f"kept-in-{name}", f"Parameters are rounded to {name} at every step.", told.kept_in(name), "gradient"
        )
        for name in ("float32", "float16", "bfloat16")
    ),
    Convention("computed-in-float32", "The step is computed in float32.", told.computed_in("float32"), "gradient"),
)
"""Asked only where no other convention explains a run."""
