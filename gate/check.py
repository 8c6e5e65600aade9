"""The gate itself: a target is run, and every law that it should obey is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .derivative import derivative_finding
from .findings import Finding
from .judge import judge
from .record import record
from .target import Target

if TYPE_CHECKING:
    from .symmetry import Family


def check(
    target: Target,
    *,
    seed: int = 0,
    runs: int = 3,
    steps: int = 12,
    families: Sequence[Family] | None = None,
    time_limit: float | None = None,
) -> list[Finding]:
    """Runs a target and judges it.

    The first finding is the step itself, entry by entry (identity ``step``, law ``gate.step``, which is the definition
    of the description and no theorem), the second one the gradient against differences of the loss (``gradient``,
    ``gate.gradient``). Then come, for each family, orthogonality of the gradients and every identity
    that the described optimizer has for such charges.

    Args:
        target: the training implementation.
        seed: of all parameters and batches.
        runs: from fresh parameters.
        steps: of each run.
        families: the charges of its symmetries; by default those of the target, else those that discovery finds.
        time_limit: seconds for one call of the target; None for no limit.

    Raises:
        TargetError: the target raises, hangs, or returns what is no run.

    Limits: what changes gradients and parameters in the same wrong way in ``step`` and in ``loss_and_gradient`` is seen
    only through a symmetry that it breaks.
    """
    if families is None:
        families = target.families
    if families is None:
        from .discover import discover

        families = discover(target, seed=seed).families
    step, *laws = judge(record(target, seed=seed, runs=runs, steps=steps, time_limit=time_limit), families)
    return [step, derivative_finding(target, seed=seed, time_limit=time_limit), *laws]
