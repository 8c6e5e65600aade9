"""The closed form of heavy ball over long runs in floats, with a bound that does not grow with the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from ..oracles.dynamics import Law, find_law, propagators
from ._discrete import Case, Engine, any_engine, bounded, exact_moment, float_run, judged, windows
from ._theorem import Property, Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

DTYPES: tuple[Literal["float64", "float32"], ...] = ("float64", "float32")
LINEAR, QUADRATIC = find_law("hb-closed-form.linear"), find_law("hb-closed-form.quadratic")


def against_closed_form(law: Law, case: Case, dtype: str, engine: Engine | None = None) -> Residual:
    """The closed form over a whole run in floats, evaluated exactly.

    Bound: the recursion is linear, so what is left of the closed form is the sum over j of G_{K-1-j} times what is left
    of B0.hb-two-step at step j, and each of those has its own bound (``properties/_discrete.py``).
    """
    moments = bounded(float_run(case, engine or any_engine(), dtype))
    K = len(moments) - 1
    if K < 2:
        return Residual(0, nontrivial=False, note="the run diverges at once")
    local = find_law("hb-two-step.linear" if law is LINEAR else "hb-two-step.quadratic")
    bounds = [judged(local, w, case.charge, case.target, dtype) for w in windows(local, moments, case.charge)]
    exact = [exact_moment(moment) for moment in moments]
    h: Any = exact[0].optimizer
    pull = (1 if law is LINEAR else 2) * h.lr * (1 - h.dampening) * h.weight_decay
    G = propagators(1 + h.momentum - pull, h.momentum, K)
    bound = sum(float(abs(G[K - 2 - j])) * float(r.bound) for j, r in enumerate(bounds))
    value = abs(law.residual(exact, case.charge))
    return Residual(float(value), bound * (1 + 2.0**-40), nontrivial=any(r.nontrivial for r in bounds))


def closed_form_properties(cases: Callable[[], SearchStrategy[Case]]) -> tuple[Property, ...]:
    """The closed form in float64 and in float32."""

    def check(dtype: str) -> Callable[[Case], Residual]:
        return lambda case: against_closed_form(LINEAR if case.charge.kind == "linear" else QUADRATIC, case, dtype)

    return tuple(
        Property(
            name=dtype,
            says=f"Six steps of torch.optim.SGD (or of numpy) in {dtype} end where the closed form says, up to the sum "
            "of the local bounds times the propagators.",
            arithmetic=dtype,
            cases=cases,
            check=check(dtype),
            share=0.3,
        )
        for dtype in DTYPES
    )
