"""A3.path-lifting.recover: the squares of all weights from the paths and the laws, by a convex function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .._both_flows import both_flows
from .._path_flow import (
    Start,
    at,
    convergence,
    from_z,
    incidence,
    lifted,
    read,
    rescaled,
    signs,
    starts,
    worst_entry,
)
from .._path_proofs import circulation, enclosure, exact_solution, hessian_identity, telescope
from .._profiles import Profile
from .._theorem import (
    Arithmetic,
    Mutant,
    Plot,
    Property,
    Residual,
    Series,
    Simulation,
    SimulationResult,
    Step,
    Table,
    Theorem,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


F = Fraction
SPEC = "relu:2-2-2-1+bias+skip0:2"
ROOTLESS = at("relu:2-1-1-1", (1, 1, 1, 1))
"""All squares 1; asked for other laws, it has no rational squares."""
ASKED = (F(1), F(3))
EXAMPLE = at("relu:1-2-1+bias", (1, 2, 2, -1, 3, 1), (F(1, 2), F(3)))
SCALAR = at("relu:1-1-1-1", (1, 2, 3), (F(1, 6), F(1, 3)))
"""c = 1, b = 2, a = 3 from the input on: z = 6, laws -3 and -5."""


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """A start and the laws that its rescaling shall have."""

    start: Start
    laws: tuple[Fraction, ...]

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"{self.start}, laws {shown(self.laws)}"


def derivation() -> Iterator[Step]:
    """The orbit, the function, its convexity and coercivity, the step that never goes too far, and an enclosure."""
    from ...oracles.proofs import exact_rank

    model = read(SPEC)
    yield Step(
        "Squares q_e exp(2 (C^T t)_e) have the same |z| for every t: along a path the exponents cancel, for t is zero "
        "at sources and outputs. With r_v = exp(2 t_v) it is an identity for every path: q_e r_v / r_u for an edge "
        "from u to v, the denominators multiplied out.",
        r"\prod_{e \in p} q_e \frac{r_{v(e)}}{r_{u(e)}} = \prod_{e \in p} q_e",
        certificate=telescope(SPEC),
    )
    yield Step(
        "There are no others: logarithms of squares with the same |z| differ by a vector that is zero along all paths, "
        f"hence by C^T t (A1.relu.path-lifting.count). For {SPEC}: the paths have rank {model.parameters} - "
        f"{model.hidden} over Q.",
        r"\ker(\text{paths} \times \text{edges}) = \mathrm{range}\, C^T",
        certificate=exact_rank(incidence(model)),
    )
    yield Step(
        "The laws h are the condition that the gradient of Psi is zero.",
        r"\Psi(t) = \tfrac12 \sum_e q_e e^{2 (C^T t)_e} - \langle h, t \rangle, \qquad \nabla \Psi = C \theta^2 - h, "
        r"\qquad \nabla^2 \Psi = 2\, C\, \mathrm{diag}(\theta^2)\, C^T",
    )
    yield Step(
        "The Hessian as a form: each edge weighs the difference of x at its ends. An identity in all squares and x.",
        r"x^T \nabla^2 \Psi\, x = 2 \sum_{e : u \to v} \theta_e^2 (x_v - x_u)^2",
        certificate=hessian_identity(SPEC),
    )
    yield Step(
        "So Psi is strictly convex iff C has a row for each hidden neuron and no dependence between them. Always so: "
        f"follow a way from a neuron to an output. For {SPEC} the rank is {model.hidden}.",
        r"C^T x = 0 \Rightarrow x = 0",
        certificate=exact_rank(signs(model)),
    )
    yield Step(
        "Psi is coercive for every h. Let w_e be the number of paths through e, at least 1. Then C w = 0, so that the "
        "entries of C^T t have the mean zero with the weights w: some entry is positive unless t = 0, and its "
        "exponential beats the linear term. One minimiser, for every h.",
        r"C w = 0, \quad w > 0 \quad \Rightarrow \quad \max_e (C^T t)_e > 0 \text{ for } t \neq 0",
        certificate=circulation(SPEC),
    )
    yield Step(
        "Newton's step s, shortened: with d = max |2 (C^T s)_e| the second derivative along the step is at most "
        "exp(d x) times its value at 0, so the slope of Psi stays negative up to x = log(1 + d) / d. The decrease "
        "there has a positive lower bound, and near the minimiser the factor tends to 1: global and quadratic.",
        r"\psi'(x) \leq -\delta^2 \left( 1 - \frac{e^{d x} - 1}{d} \right) \leq 0, \qquad "
        r"\delta^2 = \langle s, \nabla^2 \Psi\, s \rangle",
    )
    yield Step(
        "An enclosure. At any squares of the orbit let F be the gradient and E = F^T H^-1 F. While no square has "
        "changed by more than a factor 2 the Hessian is at least H / 2, and H is at least 2 theta_e^2 c_e c_e^T. "
        "Follow the points whose gradient is (1 - tau) F: no square changes by more than this.",
        r"8 E \leq \tfrac14 \min_e \theta_e^2 \quad \Rightarrow \quad "
        r"\left| \log \frac{(\theta_e^*)^2}{\theta_e^2} \right| \leq \frac{\sqrt{8 E}}{|\theta_e|}",
    )
    yield Step(
        "For example relu:2-1-1-1 with all |z| = 1 and laws (1, 3), whose squares are not rational. At rational ratios "
        "near the solution: F, H^-1 F and E, exactly.",
        r"E = F^T H^{-1} F",
        certificate=enclosure(ROOTLESS, ASKED),
    )
    yield Step(
        "And where the solution is rational it is exact. z = 6 with laws -3 and -5, asked of the squares (36, 1, 1): "
        "the ratios 1/36 and 1/9 solve both equations, with squares (1, 4, 9).",
        r"36 r_1 = 1, \quad \frac{r_2}{r_1} = 4, \quad \frac{1}{r_2} = 9",
        certificate=exact_solution(),
    )


def asked() -> SearchStrategy[Asked]:
    """Any laws up to 20 in size."""
    from hypothesis import strategies as st

    from ..strategies import rationals

    @st.composite
    def draw_case(draw: st.DrawFn) -> Asked:
        start = draw(starts())
        return Asked(start, draw(st.tuples(*[rationals(20, denominator=3)] * start.model.hidden)))

    return draw_case()


def check_rescaled(start: Start) -> Residual:
    """Rescale by hidden neurons, ask for the old laws: the old squares come back, exactly; and from z alone as well."""
    from ...oracles.intrinsic.paths.recover import law_values, recover_squares, squares_of

    laws = law_values(start.model, start.weights)
    moved = rescaled(start)
    found = recover_squares(start.model, squares_of(moved), laws, digits=15)
    truth = squares_of(start.weights)
    off = max(abs(a / b - 1) for a, b in zip(found.squares, truth, strict=True))
    off += max(abs(a / b - 1) for a, b in zip(from_z(start).squares, truth, strict=True))
    return Residual(off + found.radius, nontrivial=squares_of(moved) != truth)


def check_floats(start: Start) -> Residual:
    """The same in floats: within the errors that ``recover`` proves up to the rounding of its linear algebra."""
    from ...oracles.intrinsic.paths.recover import law_values, squares_of
    from ...simulations.recover import recover

    laws = [float(h) for h in law_values(start.model, start.weights)]
    found = recover(start.model, [float(x) for x in rescaled(start)], laws)
    truth = squares_of(start.weights)
    off = [abs(float(F(x) / y - 1)) for x, y in zip(found.squares.tolist(), truth, strict=True)]
    return worst_entry(off, _relative(found.errors))


def _relative(errors: object) -> list[float]:
    import numpy as np

    return [float(x) for x in np.expm1(np.asarray(errors, dtype=np.float64))]


def check_any_laws(case: Asked) -> Residual:
    """Any laws have squares: enclosed to 20 digits over Q, and found in floats within their errors."""
    from ...oracles.intrinsic.paths.recover import recover_squares, squares_of
    from ...simulations.recover import recover

    model, weights = case.start.model, case.start.weights
    exact = recover_squares(model, squares_of(weights), case.laws, digits=20)
    found = recover(model, [float(x) for x in weights], [float(h) for h in case.laws])
    off = [abs(float(F(x) / y - 1)) for x, y in zip(found.squares.tolist(), exact.squares, strict=True)]
    slack = 2 * float(exact.radius)
    return worst_entry(off, [x + slack for x in _relative(found.errors)])


def check_logs(start: Start) -> Residual:
    """Two ways to a parameter from z: quotients of paths, and least squares of logarithms; the same recovered squares.

    Bound: the errors of both recoveries. The least-squares start is X b with X the computed inverse of
    A = P^T P + C^T C and b = P^T log|z|: it is off by at most gamma(8 n) (|X| |A| |X| + |X|) |P^T| |log|z||, n being
    the larger number of rows or columns (Higham, Accuracy and Stability, section 14.1, for the inverse; the rest are
    inner products).
    """
    import numpy as np

    from ...oracles.intrinsic.paths.recover import law_values
    from ...oracles.intrinsic.paths.representative import representative
    from ...simulations.fields import gamma
    from ...simulations.recover import Balances, PathLogs

    model = start.model
    z = lifted(model, start.weights)
    laws = np.array([float(h) for h in law_values(model, start.weights)])
    balances = Balances.of(model)
    sizes = np.array([abs(float(x)) for x in z])
    P, C = (np.array(rows, dtype=np.float64) for rows in (incidence(model), signs(model)))
    logs = PathLogs(P, balances)(sizes)
    by_paths = 2 * np.log(np.abs(np.array([float(x) for x in representative(model, z)])))
    one, two = balances.recover(logs, laws), balances.recover(by_paths, laws)
    A = P.T @ P + C.T @ C
    X = np.abs(np.linalg.inv(A))
    terms = P.T @ (1.0 + np.abs(np.log(sizes)))  # 1: the rounding of z itself
    slack = 2.0 * gamma(8 * max(P.shape)) * float(((X @ np.abs(A) @ X + X) @ terms).max())
    wide = balances.errors(one.squares, laws, slack) + two.errors
    return worst_entry(np.abs(np.log(one.squares / two.squares)).tolist(), wide.tolist())


def check_no_bias(start: Start) -> Residual:
    """The wrong statement: C without the biases, so that laws count only weights between neurons and inputs."""
    from ...oracles.intrinsic.paths.recover import recover_squares, squares_of
    from ...oracles.intrinsic.paths.wiring import wiring

    wires, biased, offset = wiring(start.model), set[int](), 0
    for a, b in start.model.links:
        size = start.model.groups[a].size * start.model.groups[b].size
        biased |= set(range(offset, offset + size)) if start.model.groups[a].name == "one" else set()
        offset += size
    truth = squares_of(start.weights)
    laws = wires.balances([F(0) if e in biased else x for e, x in enumerate(truth)])
    found = recover_squares(start.model, squares_of(rescaled(start)), laws, digits=15)
    return Residual(max(abs(a / b - 1) for a, b in zip(found.squares, truth, strict=True)))


def check_any_representative(start: Start) -> Residual:
    """The wrong statement: any parameter with the right |z| has the right squares."""
    from ...oracles.intrinsic.paths.recover import squares_of

    pairs = zip(squares_of(rescaled(start)), squares_of(start.weights), strict=True)
    return Residual(max(abs(a / b - 1) for a, b in pairs))


def check_other_sign(start: Start) -> Residual:
    """The wrong statement: outgoing minus incoming squares."""
    from ...oracles.intrinsic.paths.recover import law_values, recover_squares, squares_of

    laws = [-h for h in law_values(start.model, start.weights)]
    found = recover_squares(start.model, squares_of(rescaled(start)), laws, digits=15)
    return Residual(max(abs(a / b - 1) for a, b in zip(found.squares, squares_of(start.weights), strict=True)))


def table() -> Table:
    """Rational squares found exactly, and enclosed ones."""
    from ...oracles.intrinsic.paths.recover import recover_squares, squares_of

    rows: list[list[str | int]] = []
    exact = from_z(SCALAR)
    rows.append(["relu:1-1-1-1", "6", "-3, -5", ", ".join(map(str, exact.squares)), "exact"])
    found = recover_squares(ROOTLESS.model, squares_of(ROOTLESS.weights), ASKED, digits=12)
    shown = ", ".join(f"{float(x):.12g}" for x in found.squares)
    rows.append(
        ["relu:2-1-1-1", "1, 1", ", ".join(map(str, ASKED)), shown, f"to a factor 1 ± {float(found.radius):.1e}"]
    )
    return Table(
        "Squares from z and the laws",
        ("network", "z", "laws", "squares", ""),
        rows,
        exact.squares == tuple(map(F, (1, 4, 9))),
    )


def large(profile: Profile) -> SimulationResult:
    """Networks with up to a thousand hidden neurons: rescaled at random, recovered, and the steps that it took."""
    import numpy as np

    from ...simulations.recover import Balances

    specs = ("relu:6-20-20-4+bias", "relu:10-60-40-60-5+bias+skip0:2", "relu:20-400-200-400-10+bias")
    rng = np.random.default_rng(1)
    values, bounds = list[float](), list[float]()
    changes, labels, rows = list[tuple[float, ...]](), list[str](), list[list[str | int | float]]()
    sizes: list[tuple[float, float]] = []
    for spec in specs[: (2, 3, 3)[profile.effort]]:
        model = read(spec)
        balances = Balances.of(model)
        theta = rng.choice([-1.0, 1.0], model.parameters) * rng.uniform(0.1, 1.0, model.parameters)
        logs = np.log(theta**2)
        moved = logs + 2.0 * balances.changes(rng.normal(size=model.hidden))
        found = balances.recover(moved, balances.values(theta**2))
        off = np.abs(np.log(found.squares) - logs)
        place = int(np.argmax(off / found.errors))
        values.append(float(off[place]))
        bounds.append(float(found.errors[place]))
        changes.append(found.changes)
        labels.append(f"{model.hidden} neurons")
        sizes += [(float(model.hidden), float(off.max()))]
        rows.append(
            [spec, model.parameters, model.hidden, len(found.changes), f"{off.max():.1e}", f"{found.residual:.1e}"]
        )
    errors = Plot(
        "Largest relative error of a recovered square",
        "hidden neurons",
        "error",
        [Series("after a random rescaling", sizes, "points")],
        x_scale="log",
        y_scale="log",
    )
    columns = ("network", "weights", "hidden neurons", "steps", "largest error", "residual of the laws")
    return SimulationResult(
        worst_entry(values, bounds), (convergence(changes, labels), errors), Table("Recovery in float64", columns, rows)
    )


def reduced(profile: Profile) -> SimulationResult:
    """A graph with two groups side by side: recovered at every evaluation of the reduced flow."""
    from ...oracles.models import known_laws
    from ...simulations.reduced import compare, reduced_flow
    from .._path_flow import squared_loss
    from .._reduced import side_by_side

    model = read("dag:x:2,h:2,g:2,y:1/x-h-y,x-g-y,h-g")
    weights = tuple(F(x, 8) for x in (9, -8, 8, 7, -6, 5, 6, -7, 8, 9, 5, -4, 10, -9, 4, -5))
    loss = squared_loss(model, weights, toward=F(1, 4))
    seen = compare(
        model, weights, reduced_flow(model, weights), loss, time=0.5, steps=8, halvings=(2, 3, 4)[profile.effort]
    )
    law = known_laws(model)[0].polynomials()[0]
    return side_by_side(seen, [f"path {i + 1}" for i in range(model.coordinate_terms())], law)


def _property(name: str, says: str, arithmetic: Arithmetic, check: Callable[[Start], Residual]) -> Property:
    return Property(name, says, arithmetic, starts, check, [EXAMPLE, SCALAR], 0.3)


def _mutant(name: str, says: str, check: Callable[[Start], Residual]) -> Mutant:
    return Mutant(name, says, _property(name, says, "rational", check))


THEOREM = Theorem(
    id="A3.path-lifting.recover",
    title="Recovering the squares of all weights",
    summary="A strictly convex function whose only minimiser gives the squares with the right paths and laws.",
    source="derived",
    status="derived",
    hypotheses=(
        "A network as in A1.relu.path-lifting.count; theta is any parameter without zero weights with phi(theta) = z, "
        "q_e its squares, and C has +1 where an edge enters a hidden neuron and -1 where it leaves one.",
        "h is any vector with a number for each hidden neuron.",
    ),
    statement=r"\begin{gathered} "
    r"\Psi(t) = \tfrac12 \sum_e q_e e^{2 (C^T t)_e} - \langle h, t \rangle \\ "
    r"\text{has exactly one minimiser } t^*, \text{ and } \theta_e^2 = q_e e^{2 (C^T t^*)_e} \\ "
    r"\text{are the only squares with } |\phi(\theta)| = |z| \text{ and laws } h \end{gathered}",
    assumes=("A1.relu.path-lifting.count",),
    derivation=derivation,
    tables=(table,),
    properties=(
        _property(
            "rescaled",
            "After a random rescaling, and from z alone, the old laws bring the old squares back: exactly.",
            "rational",
            check_rescaled,
        ),
        _property("rescaled-float64", "The same in float64, within proved errors.", "float64", check_floats),
        Property(
            name="any-laws",
            says="For any laws up to 20 in size the squares exist: enclosed to 20 digits, and found in float64.",
            arithmetic="float64",
            cases=asked,
            check=check_any_laws,
            share=0.3,
        ),
        _property(
            "from-z",
            "Quotients of paths and least squares of log|z| lead to the same squares.",
            "float64",
            check_logs,
        ),
    ),
    simulations=(
        both_flows(
            "relu:1-2-2-1",
            "generic",
            "Two hidden layers, the squares of the weights recovered at every step: both flows.",
        ),
        Simulation("large", "Newton's method on networks of up to a thousand hidden neurons.", large),
        Simulation("reduced", "Recovery inside of the reduced flow of a graph, beside the full flow.", reduced),
    ),
    mutants=(
        Mutant(
            name="bias-forgotten",
            says="Biases are left out of C.",
            violates=Property(
                "bias-forgotten",
                "biases left out",
                "rational",
                lambda: starts().filter(lambda start: "one" in {group.name for group in start.model.groups}),
                check_no_bias,
                [EXAMPLE],
            ),
        ),
        _mutant(
            "any-representative", "Any parameter with the right |z| has the right squares.", check_any_representative
        ),
        _mutant("other-sign", "The laws are outgoing minus incoming squares.", check_other_sign),
        Mutant(
            name="half-hessian",
            says="The Hessian is C diag(theta^2) C^T without the factor 2.",
            rejects=lambda: hessian_identity(SPEC, factor=1),
        ),
    ),
)
