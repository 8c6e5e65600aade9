"""B0.noether-charge-discrete: how the momentum along any symmetry moves under heavy ball, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Number, Vector, View, find_law
from .._discrete import Case, bounded, exact_run, float_run, judged, windows, worst
from .._identities import (
    exact_property,
    float_properties,
    heavy_ball,
    plain,
    proved,
    rejected,
    violated,
    wrong,
)
from .._profiles import Profile
from .._symmetric import LINEAR, OTHERS, QUADRATIC, Target, to_exact
from .._theorem import Plot, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate
    from ...oracles.dynamics import Kind, Leaves, Moment

F = Fraction
EVERY = (*QUADRATIC, *LINEAR, *OTHERS)
LAWS = (find_law("noether-charge"), find_law("noether-charge.weights"))
PLAIN = find_law("sgd-generator")
CIRCLE = Target("rotation", (2,), ((F(1),),), (2,), (F(0), F(0)))
"""The loss (|theta|^2 - 1)^2 / 4, which rotations keep."""
ROTATION = Case(CIRCLE, (Vector((2, 1)),), (SGD(lr=F(1, 10), momentum=F(1, 2)),) * 4, state=(Vector((0, 1)),))
"""From (2, 1) with the buffer (0, 1): theta x v, v the buffer after the step, starts at beta times 2."""
DECAYING = Case(CIRCLE, ROTATION.start, (SGD(lr=F(1, 10), momentum=F(1, 2), weight_decay=F(1, 5)),) * 4, ROTATION.state)
FACTORS = Case(
    Target("symmetric", (1, 1), ((F(1),),), (1, 1, 1), (F(1, 2),)),
    (Vector((2,)), Vector((1,))),
    (SGD(lr=F(1, 10), momentum=F(1, 2), weight_decay=F(1, 5)),) * 3,
)
"""The loss (u w - 1)^2 / 2 with the charge u^2 - w^2."""
KNOWN = (F(1), F(1, 2), F(1, 4), F(1, 8))


def derivation() -> Iterator[Step]:
    """Two lines, then the special cases that physics knows."""
    yield Step(
        "The momentum along the symmetry is w_k, the pairing of the generator at theta_k with the buffer after step k. "
        "One step later the generator is taken at theta_{k+1} = theta_k - eta v_{k+1}, so it has moved by -eta M v.",
        r"\langle\xi(\theta_{k+1}), v_{k+1}\rangle = w_k - \eta_k \langle M v_{k+1}, v_{k+1}\rangle",
    )
    yield proved(
        "noether-charge",
        "The new buffer is beta v + c (g + lam theta), and the gradient's part is zero. Two steps on free vectors, any "
        "matrix M and constant c0; what is left over is c <g_{k+1}, xi(theta_{k+1})>.",
    )
    yield proved(
        "noether-charge.weights",
        "The buffers can be read off the weights, v_{k+1} = -Delta_k / eta_k: no state of the optimizer is needed.",
    )
    yield Step(
        "Antisymmetric M: both <M v, v> and <M theta, theta> vanish. The angular momentum is beta-geometric, and decay "
        "does not matter.",
        r"w_{k+1} = \beta w_k",
        _special("antisymmetric"),
    )
    yield Step(
        "A translation has M = 0: only decay is added.",
        r"w_{k+1} = \beta w_k + c\lambda\, s_{k+1}",
        _special("linear"),
    )
    yield Step(
        "Symmetric S: the term in the middle is the discrete kinetic symmetry breaking. The kinetic energy is not "
        "invariant under the symmetry, and this is by how much.",
        r"w_{k+1} = \beta w_k - \tfrac{\beta}{\eta} D_k + c\lambda\, q_{k+1}",
        _special("quadratic"),
    )
    yield proved(
        "sgd-generator",
        "Without momentum one step is enough, for every generator: apart from decay it is orthogonal to xi(theta_k).",
        "generator",
    )


def _special(kind: Kind) -> Certificate:
    """The recursion with its special right-hand side, up to the stated multiple of the defect."""
    from ...oracles.dynamics import equal, formal_window

    law = LAWS[1]
    symbols, moments, charge = formal_window(law, kind)
    view = View(moments, charge)
    w, after = _momenta(view)
    old, h = view.optimizer(0), view.optimizer(1)
    decayed = (1 - h.dampening) * h.weight_decay * view.value(1)
    right = h.momentum * w
    if kind == "linear":
        right = right + decayed
    if kind == "quadratic":
        right = right - (h.momentum / old.lr) * view.square(view.delta(0)) + decayed
    return equal(symbols, [(after, right + law.defect(view))])


def _momenta(view: View) -> tuple[Number, Number]:
    """w_k and w_{k+1}, from the weights."""

    def buffer(k: int) -> Leaves:
        return tuple(-d / view.optimizer(k).lr for d in view.delta(k))

    return view.pair(buffer(0), 0), view.pair(buffer(1), 1)


def momenta(moments: tuple[Moment, ...], case: Case) -> list[Number]:
    """w_k along a run: the generator at theta_k with the buffer after step k."""
    found: list[Number] = []
    for before, after in pairwise(moments):
        assert after.state is not None
        found.append(case.charge.pair(after.state, before.parameters))
    return found


def table() -> Table:
    """The angular momentum of the known example, with and without decay."""
    found, decaying = (momenta(exact_run(case), case) for case in (ROTATION, DECAYING))
    rows = [(k, str(w), str(v)) for k, (w, v) in enumerate(zip(found, decaying, strict=True))]
    title = "theta x v for (|theta|^2 - 1)^2/4 from (2, 1), buffer (0, 1), eta = 1/10, beta = 1/2"
    return Table(title, ("k", "w_k", "w_k with decay 1/5"), rows, tuple(found) == KNOWN == tuple(decaying))


def spiral(profile: Profile) -> SimulationResult:
    """A rotating start on the circle loss: the orbit, and the angular momentum, which forgets everything else.

    Residual and bound: the worst step of all runs in float64 (see ``properties/_discrete.py``).
    """
    steps = (40, 80, 160)[profile.effort]
    found: list[Residual] = []
    orbits: list[Series] = []
    angular: list[Series] = []
    for beta, lam in ((F(9, 10), F(0)), (F(9, 10), F(1, 2)), (F(4, 5), F(0))):
        sgd = SGD(lr=F(1, 20), momentum=beta, weight_decay=lam)
        case = Case(CIRCLE, (Vector((F(3, 2), F(0))),), (sgd,) * steps, state=(Vector((F(0), F(-5))),))
        moments = bounded(float_run(case, "numpy"))
        found += [
            judged(law, w, case.charge, CIRCLE, "float64") for law in LAWS for w in windows(law, moments, case.charge)
        ]
        label = f"beta = {float(beta):g}, lam = {float(lam):g}"
        points = [m.parameters[0].tolist() for m in moments]
        orbits.append(Series(label, [(float(x), float(y)) for x, y in points]))
        values: list[tuple[float, float]] = []
        for k, (before, after) in enumerate(pairwise(moments)):
            w = case.charge.pair(to_exact(after.state), to_exact(before.parameters))
            values.append((float(k), abs(float(w))))
        angular.append(Series(label, [v for v in values if v[1]]))
    orbit = Plot(
        "A start that rotates, on a loss that rotations keep",
        "theta_1",
        "theta_2",
        orbits,
        caption="Heavy ball on (|theta|^2 - 1)^2/4 from (3/2, 0) with a buffer across; decay pulls one orbit inwards.",
    )
    momentum = Plot(
        "The angular momentum is multiplied by beta at every step, whatever the orbit does",
        "step",
        "|theta x v|",
        angular,
        y_scale="log",
        caption="The curves with and without decay coincide.",
    )
    return SimulationResult(worst(found), (orbit, momentum))


def _no_breaking(view: View) -> tuple[Number, Number]:
    """The kinetic term left out."""
    w, after = _momenta(view)
    h = view.optimizer(1)
    return after, h.momentum * w + (1 - h.dampening) * h.weight_decay * view.value(1)


def _old_decay(view: View) -> tuple[Number, Number]:
    """Decay at theta_k where it is taken at theta_{k+1}."""
    w, after = _momenta(view)
    h, old = view.optimizer(1), view.optimizer(0)
    v = tuple(-d / old.lr for d in view.delta(0))
    decayed = (1 - h.dampening) * h.weight_decay * view.value(0)
    return after, h.momentum * (w - old.lr * view.form(v, v)) + decayed


def _plus(view: View) -> tuple[Number, Number]:
    """The kinetic term with the other sign."""
    w, after = _momenta(view)
    h, old = view.optimizer(1), view.optimizer(0)
    v = tuple(-d / old.lr for d in view.delta(0))
    return after, h.momentum * (w + old.lr * view.form(v, v)) + (1 - h.dampening) * h.weight_decay * view.value(1)


THEOREM = Theorem(
    id="B0.noether-charge-discrete",
    title="The discrete Noether identity of heavy ball",
    summary="The momentum along a symmetry is damped by beta, broken by the kinetic term and fed by decay, exactly.",
    source="derived; arXiv 2105.02716 for continuous time",
    status="proved",
    hypotheses=(
        "Heavy ball with momentum beta, c = 1 - tau, coupled decay; v_{k+1} is the buffer after step k.",
        "Any affine generator xi(theta) = M theta + c0 with <xi(theta_k), g_k> = 0 at every step; M may be any matrix.",
    ),
    statement=r"w_{k+1} = \beta\,(w_k - \eta_k\,\langle M v_{k+1}, v_{k+1}\rangle) + "
    r"c\lambda\,\langle\xi(\theta_{k+1}), \theta_{k+1}\rangle, \qquad w_k = \langle\xi(\theta_k), v_{k+1}\rangle",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property(LAWS, heavy_ball, EVERY, examples=[ROTATION, DECAYING, FACTORS]),
        exact_property(
            (PLAIN,),
            plain,
            EVERY,
            name="exact-without-momentum",
            says="Without momentum every step, apart from decay, is exactly orthogonal to every generator.",
            share=0.5,
        ),
        *float_properties(LAWS, heavy_ball, EVERY, examples=[ROTATION, DECAYING, FACTORS]),
    ),
    simulations=(
        Simulation(
            name="spiral",
            says="Orbits of a rotation-invariant loss differ; their angular momenta all fall by beta a step.",
            run=spiral,
        ),
    ),
    mutants=(
        violated(
            "no-kinetic-breaking",
            "The momentum along every symmetry is only damped and fed by decay.",
            wrong("noether-charge.weights", _no_breaking),
            heavy_ball,
            QUADRATIC,
            examples=[FACTORS],
        ),
        violated(
            "old-decay",
            "Decay acts at the point before the step.",
            wrong("noether-charge.weights", _old_decay),
            heavy_ball,
            (*QUADRATIC, *LINEAR),
            examples=[FACTORS],
        ),
        rejected(
            "kinetic-sign", "The kinetic term enters with a plus.", wrong("noether-charge.weights", _plus), "generator"
        ),
    ),
)
