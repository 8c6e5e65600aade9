"""B0.hb-buffer: with the momentum buffer a quadratic charge moves in closed form from one step to the next."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Number, Vector, View, find_law
from .._discrete import Case, bounded, charge_along, exact_run, float_run, judged, windows, worst
from .._identities import (
    exact_property,
    float_properties,
    heavy_ball,
    network_case,
    proved,
    rejected,
    violated,
    wrong,
)
from .._profiles import Profile
from .._symmetric import QUADRATIC, Target, to_exact
from .._theorem import Plot, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
NAMES = ("hb-buffer.charge", "hb-buffer.work")
LAWS = tuple(map(find_law, NAMES))
FACTORS = Target("symmetric", (1, 1), ((F(1),),), (1, 1, 1), (F(1, 2),))
EXAMPLE = Case(
    FACTORS,
    (Vector((2,)), Vector((1,))),
    (SGD(lr=F(1, 10), momentum=F(1, 2), dampening=F(1, 4), weight_decay=F(1, 5)),) * 3,
)
"""The loss (u w - 1)^2 / 2 from (2, 1)."""


def derivation() -> Iterator[Step]:
    """Expand the square of theta - eta v, then the pairing; then what does not close."""
    yield Step(
        "The step is theta' = theta - eta v' with the buffer after it. Of its pairing with S theta the gradient's part "
        "is zero, which leaves the old buffer and the decay.",
        r"w_k := \langle \theta_k, S v_{k+1}\rangle = \beta\,\langle\theta_k, S v_k\rangle + c\lambda\, q_k",
    )
    yield proved(
        NAMES[0],
        "The charge. One step on free vectors and a free buffer; what is left over is -2 eta c <g, S theta>.",
    )
    yield proved(
        NAMES[1], "The pairing of weights and buffer, which is what the next step needs; left over is c <g, S theta>."
    )
    yield Step(
        "The square z of the buffer does not close: beside what is known it contains <v, S g>, of which the symmetry "
        "says nothing.",
        r"z_{k+1} = \beta^2 z_k + c^2(|g_k|_S^2 + \lambda^2 q_k) + 2\beta c\,\langle v_k, S g_k\rangle + "
        r"2\beta c\lambda\,\langle\theta_k, S v_k\rangle",
        _square_of_buffer(),
    )
    yield Step(
        "Two gradients prove it, for S = 1, theta = (1, 0, 0) and v = (0, 1, 0): g = (0, 1, 0) and g = (0, 0, 1) are "
        "both orthogonal to theta and of length 1, yet z' is (beta + c)^2 for one and beta^2 + c^2 for the other.",
        r"z' = (\beta + c)^2 \quad \text{or} \quad z' = \beta^2 + c^2",
        _two_gradients(),
    )
    yield Step(
        "At PyTorch's first step of a tensor there is no buffer and no dampening: w_0 = lam q_0, and c = 1 in both "
        "identities.",
        r"w_0 = \lambda q_0",
    )


def _square_of_buffer() -> Certificate:
    from ...oracles.dynamics import FormalCharge, Symbols, equal

    symbols = Symbols()
    theta, v, g = symbols.leaf("theta"), symbols.leaf("v"), symbols.leaf("g")
    beta, c, lam = symbols("beta"), symbols("c"), symbols("lam")
    charge = FormalCharge("quadratic", symbols)

    def pair(a: object, b: object) -> Number:
        return charge.pair((a,), (b,))

    after = beta * v + c * (g + lam * theta)
    closed = beta * beta * pair(v, v) + c * c * (pair(g, g) + lam * lam * pair(theta, theta))
    closed = closed + 2 * beta * c * pair(v, g) + 2 * beta * c * lam * pair(theta, v)
    return equal(symbols, [(pair(after, after), closed + 2 * c * c * lam * pair(g, theta))])


def _two_gradients() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    beta, c = symbols("beta"), symbols("c")

    def squared(g: tuple[int, int, int]) -> Number:
        v = (0, 1, 0)
        entries = [beta * a + c * b for a, b in zip(v, g, strict=True)]
        return entries[0] * entries[0] + entries[1] * entries[1] + entries[2] * entries[2]

    together = beta + c
    return equal(symbols, [(squared((0, 1, 0)), together * together), (squared((0, 0, 1)), beta * beta + c * c)])


def table() -> Table:
    """Charge, pairing and square along the example, from the run and from the identities."""
    moments = exact_run(EXAMPLE)
    rows: list[tuple[str | int, ...]] = []
    for k in range(len(moments) - 1):
        view = View(moments[k : k + 2], EXAMPLE.charge)
        (q, q_law), (w, w_law) = (law.sides(view) for law in LAWS)
        rows.append((k + 1, str(q), str(q_law), str(w), str(w_law)))
    columns = ("step", "q", "q by the identity", "<theta, S v>", "by the identity")
    title = "(u w - 1)^2/2 from (2, 1): eta = 1/10, lam = 1/5, beta = 1/2, tau = 1/4"
    return Table(title, columns, rows, all(row[1] == row[2] and row[3] == row[4] for row in rows))


def parts(profile: Profile) -> SimulationResult:
    """What moves a balance under momentum, step by step, in float64.

    Residual and bound: the worst step of the run (see ``properties/_discrete.py``).
    """
    steps = (24, 120, 480)[profile.effort]
    sgd = SGD(lr=F(1, 64), momentum=F(9, 10), weight_decay=F(1, 20))
    case = network_case((sgd,) * steps)
    moments = bounded(float_run(case, "numpy"))
    charge = case.charge
    found = [judged(law, w, charge, case.target, "float64") for law in LAWS for w in windows(law, moments, charge)]
    q = charge_along(moments, charge)
    eta = 1 / 64
    worked: list[tuple[float, float]] = []
    squared: list[tuple[float, float]] = []
    total = [0.0, 0.0]
    for k in range(len(moments) - 1):
        theta, after = to_exact(moments[k].parameters), to_exact(moments[k + 1].state)
        total[0] -= 2 * eta * float(charge.pair(after, theta))
        total[1] += eta * eta * float(charge.form(after, after))
        worked.append((k + 1.0, total[0]))
        squared.append((k + 1.0, total[1]))
    plot = Plot(
        "Two things move a balance under momentum",
        "step",
        "change since the start",
        (
            Series("charge q_k - q_0", [(float(k), value - q[0]) for k, value in enumerate(q)]),
            Series("sum of -2 eta w", worked),
            Series("sum of eta^2 z", squared),
        ),
        caption="The pairing of weights and buffer (decay, and what old gradients still do) and the square of the "
        "buffer add up to the change of the charge.",
    )
    return SimulationResult(worst(found), (plot,))


def _undamped(view: View) -> tuple[Number, Number]:
    """w without c, at later steps."""
    h, after = view.optimizer(0), view.slots(1)
    slots = view.slots(0)
    started = all(slot is not None for slot in slots)
    w = h.weight_decay * view.value(0) + (h.momentum * view.pair(slots, 0) if started else 0)
    return view.value(1), view.value(0) - 2 * h.lr * w + h.lr * h.lr * view.square(after)


def _always_damped(view: View) -> tuple[Number, Number]:
    """c at the first step too."""
    h, after, slots = view.optimizer(0), view.slots(1), view.slots(0)
    started = all(slot is not None for slot in slots)
    w = (1 - h.dampening) * h.weight_decay * view.value(0) + (h.momentum * view.pair(slots, 0) if started else 0)
    return view.value(1), view.value(0) - 2 * h.lr * w + h.lr * h.lr * view.square(after)


def _plus(view: View) -> tuple[Number, Number]:
    left, right = LAWS[1].sides(view)
    return left, right + 2 * view.optimizer(0).lr * view.square(view.slots(1))


THEOREM = Theorem(
    id="B0.hb-buffer",
    title="A quadratic charge with its momentum buffer",
    summary="The charge and its pairing with the buffer move in closed form, given the square of the new buffer.",
    source="derived",
    status="proved",
    hypotheses=(
        "torch.optim.SGD with momentum beta and dampening tau, c = 1 - tau, not Nesterov, coupled decay.",
        "<g_k, S theta_k> = 0 at every step; all tensors of S share their hyper-parameters.",
        "v_k is the buffer before step k; at the first step of a tensor w_0 = lam q_0.",
    ),
    statement=r"q_{k+1} = q_k - 2\eta w_k + \eta^2 z_{k+1}, \qquad "
    r"\langle\theta_{k+1}, S v_{k+1}\rangle = w_k - \eta z_{k+1}, \qquad "
    r"w_k = \beta\,\langle\theta_k, S v_k\rangle + c\lambda q_k, \quad z_{k+1} = v_{k+1}^\top S v_{k+1}",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property(LAWS, heavy_ball, QUADRATIC, examples=[EXAMPLE]),
        *float_properties(LAWS, heavy_ball, QUADRATIC, examples=[EXAMPLE]),
    ),
    simulations=(
        Simulation(
            name="parts",
            says="Along a run in float64 both identities hold to rounding; their two parts show what moves the charge.",
            run=parts,
        ),
    ),
    mutants=(
        violated(
            "undamped-decay",
            "Dampening spares the decay: w = beta <theta, S v> + lam q.",
            wrong(NAMES[0], _undamped),
            heavy_ball,
            QUADRATIC,
            examples=[EXAMPLE],
        ),
        violated(
            "damped-first-step",
            "The first step is damped: w_0 = c lam q_0.",
            wrong(NAMES[0], _always_damped),
            heavy_ball,
            QUADRATIC,
            examples=[EXAMPLE],
        ),
        rejected("wrong-sign", "The square enters the pairing with a plus.", wrong(NAMES[1], _plus)),
    ),
)
