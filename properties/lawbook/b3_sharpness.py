"""B3.sharpness: in the scalar two-layer model the charge sets sharpness and rate, and SGD shrinks it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import Number, Sized
from .._layered import rounded, size_of
from .._layered_torch import exact, torch_module
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction


@dataclass(frozen=True, slots=True, repr=False)
class Scalars:
    """SGD on ``(x u v - y)^2 / 2`` with a sample (x, y) for each step."""

    u: Fraction
    v: Fraction
    samples: tuple[tuple[Fraction, Fraction], ...]
    rate: Fraction
    decay: Fraction = Fraction(0)

    def __repr__(self) -> str:
        from ..strategies import shown

        samples = " ".join(map(shown, self.samples))
        return f"(u, v) = {shown((self.u, self.v))}, samples (x, y) {samples}, eta = {self.rate}, lam = {self.decay}"


EXAMPLE = Scalars(F(2), F(1), ((F(1), F(1)), (F(1), F(-2))), F(1, 10))
LARGE = Scalars(F(2), F(1), ((F(1), F(-2)),), F(1, 2))
"""eta |r| = 2: the charge changes its sign and becomes larger."""
KNOWN_SHARPNESS = 5
"""At Q = 3 and Y = 2, as the theory states it."""


def derivation() -> Iterator[Step]:
    """Everything is a polynomial identity in u and v."""
    yield Step(
        "With r = x (x u v - y), the factor of both gradients, a step of SGD multiplies u + v and u - v: it is "
        "diagonal in these coordinates. So Q = u^2 - v^2 is multiplied as well. Free u, v, r, eta and lam.",
        r"u \pm v \mapsto (1 - \eta\lambda \mp \eta r)(u \pm v), \qquad "
        r"Q' = \bigl((1-\eta\lambda)^2 - \eta^2 r^2\bigr)\, Q",
        _step(),
    )
    yield Step(
        "This is B0.sgd-quadratic with the gradient term written out: g = (r v, r u), so |g|_S^2 = -r^2 Q. Without "
        "decay |Q| decreases iff |1 - eta^2 r^2| < 1, and it changes its sign when eta |r| exceeds 1.",
        r"|Q'| < |Q| \iff 0 < \eta|r| < \sqrt 2",
    )
    yield Step(
        "Gradient flow keeps Q, and z = u v obeys an equation of its own: z' = -r (u^2 + v^2), where u^2 + v^2 is a "
        "root of a polynomial of Q and z.",
        r"(u^2 + v^2)^2 = Q^2 + 4 z^2 \ \Rightarrow\ z' = -(z - Y)\sqrt{Q^2 + 4 z^2}",
        _flow(),
    )
    yield Step(
        "At a minimum u v = Y the Hessian has rank one: determinant 0, trace u^2 + v^2. Its other eigenvalue, and the "
        "rate at which r vanishes, is the same root at z = Y: both grow with |Q|.",
        r"H = \begin{pmatrix} v^2 & uv \\ uv & u^2 \end{pmatrix}, \qquad \mathrm{spec}\,H = \{0,\ \sqrt{Q^2 + 4Y^2}\}",
        _hessian(),
    )
    yield Step(
        "In one step r changes by the sharpness there, up to a term of second order in eta.",
        r"r' = r\,\bigl(1 - \eta\,(u^2 + v^2) + \eta^2 r\,u v\bigr)",
        _residual_step(),
    )


def _symbols() -> Any:
    from ...oracles.dynamics import Symbols

    symbols = Symbols()
    return symbols, *(symbols(name) for name in ("u", "v", "Y", "eta", "lam"))


def moved(u: Number, v: Number, r: Number, eta: Number, lam: Number) -> tuple[Number, Number]:
    """One step of SGD with decay."""
    keep = 1 - eta * lam
    return keep * u - eta * r * v, keep * v - eta * r * u


def _step(sign: int = -1) -> Certificate:
    from ...oracles.dynamics import equal

    symbols, u, v, _, eta, lam = _symbols()
    r = symbols("r")
    a, b = moved(u, v, r, eta, lam)
    keep = 1 - eta * lam
    factor = keep**2 + sign * eta**2 * r**2
    return equal(
        symbols,
        [
            (a + b, (keep - eta * r) * (u + v)),
            (a - b, (keep + eta * r) * (u - v)),
            (a * a - b * b, factor * (u * u - v * v)),
        ],
    )


def _flow() -> Certificate:
    from ...oracles.dynamics import equal

    symbols, u, v, Y, _, _ = _symbols()
    r, z, Q = u * v - Y, u * v, u * u - v * v
    rate = u * (-1 * r * u) + v * (-1 * r * v)  # u v' + v u'
    return equal(
        symbols,
        [
            ((u * u + v * v) ** 2, Q * Q + 4 * z * z),
            (rate, -1 * r * (u * u + v * v)),
            (-2 * u * r * v + 2 * v * r * u, 0),
        ],
    )


def _hessian() -> Certificate:
    from ...oracles.dynamics import equal

    symbols, u, v, Y, _, _ = _symbols()
    r = u * v - Y
    # of (u v - Y)^2/2 at any point: (v^2, r + u v; r + u v, u^2)
    determinant = v * v * u * u - (r + u * v) * (r + u * v)
    return equal(
        symbols,
        [(determinant, -1 * r * (r + 2 * u * v)), ((v * v + u * u) ** 2, (u * u - v * v) ** 2 + 4 * (u * v) ** 2)],
    )


def _residual_step() -> Certificate:
    from ...oracles.dynamics import equal

    symbols, u, v, Y, eta, _ = _symbols()
    r = u * v - Y
    a, b = moved(u, v, r, eta, 0)
    return equal(symbols, [(a * b - Y, r * (1 - eta * (u * u + v * v) + eta**2 * r * u * v))])


def table() -> Table:
    """Sharpness of minima with Y = 2, found from points with rational coordinates."""
    rows: list[tuple[str, ...]] = []
    known: list[Fraction] = []
    for u in (F(2), F(4), F(1, 2), F(3, 2)):
        v = 2 / u
        Q, sharpness = u * u - v * v, u * u + v * v
        rows.append((str(u), str(v), str(Q), str(sharpness), str(sharpness**2 == Q * Q + 16)))
        if abs(Q) == 3:
            known.append(sharpness)
    columns = ("u", "v", "Q", "u^2 + v^2", "is the root of Q^2 + 4 Y^2")
    agrees = known == [F(KNOWN_SHARPNESS)] and all(row[-1] == "True" for row in rows)
    return Table("Minima of (u v - 2)^2/2", columns, rows, agrees)


def run(case: Scalars, number: Any = F) -> list[tuple[Any, Any, Any]]:
    """(u, v, r) along the run, r being that of the step that follows; the last one has none."""
    u, v, eta, lam = (number(x) for x in (case.u, case.v, case.rate, case.decay))
    found: list[tuple[Any, Any, Any]] = []
    for x, y in case.samples:
        r = number(x) * (number(x) * (u * v) - number(y))
        found.append((u, v, r))
        u, v = moved(u, v, r, eta, lam)
    return [*found, (u, v, None)]


def check_balance(case: Scalars, sign: int = -1) -> Residual:
    """The law of balance at every step of an exact run; with a flipped sign it is wrong."""
    points, keep = run(case), 1 - case.rate * case.decay
    value = F(0)
    for (u, v, r), (a, b, _) in pairwise(points):
        value = max(value, abs(a * a - b * b - (keep**2 + sign * (case.rate * r) ** 2) * (u * u - v * v)))
    return Residual(value, nontrivial=any(r and u * u != v * v for u, v, r in points[:-1]))


def check_growth(case: Scalars, limit: int = 2) -> Residual:
    """|Q| decreases iff 0 < (eta r)^2 < 2, and keeps its sign iff (eta r)^2 < 1; without decay."""
    u, v, r = run(case)[0]
    a, b = moved(u, v, r, case.rate, F(0))
    before, after, step = u * u - v * v, a * a - b * b, (case.rate * r) ** 2
    wrong = (abs(after) < abs(before)) != (0 < step < limit) or (after * before > 0) != (step < 1)
    return Residual(int(wrong and before != 0), nontrivial=before != 0 and r != 0)


def check_torch(case: Scalars) -> Residual:
    """Each step by torch.optim.SGD in float64; the law of balance evaluated exactly on the stored numbers.

    r is not stored: it is found exactly from the stored u and v, so that all rounding of the step is seen.
    """
    torch = torch_module()
    u, v = (torch.tensor(float(x), dtype=torch.float64, requires_grad=True) for x in (case.u, case.v))
    eta, lam = float(case.rate), float(case.decay)
    optimizer = torch.optim.SGD([u, v], lr=eta, weight_decay=lam)
    worst = Residual(0.0, 1.0, nontrivial=False)
    for x, y in case.samples:
        before = exact(u), exact(v)
        optimizer.zero_grad()
        (((float(x) * (u * v) - float(y)) ** 2) / 2).backward()
        optimizer.step()
        p, q, s, t = *before, F(float(x)), F(float(y))
        r = s * (s * p * q - t)
        factor = (1 - F(eta) * F(lam)) ** 2 - (F(eta) * r) ** 2
        off = exact(u) ** 2 - exact(v) ** 2 - factor * (p * p - q * q)
        sized = [Sized.of(float(z)) for z in (p, q, s, t, eta, lam)]
        size_r = sized[2] * (sized[2] * (sized[0] * sized[1]) - sized[3])
        a, b = moved(sized[0], sized[1], size_r, sized[4], sized[5])
        found = rounded(off, size_of(a * a - b * b), 40, "float64", nontrivial=bool(r) and p * p != q * q)
        if max(abs(exact(u)), abs(exact(v))) > 2**20:
            break
        worst = found if found.value / found.bound >= worst.value / worst.bound else worst
    return worst


def scalars(steps: int = 3, decay: bool = True) -> SearchStrategy[Scalars]:
    """Small numbers; |Q| is seldom 0."""
    from hypothesis import strategies as st

    from ..strategies import rationals

    def build(u: Fraction, v: Fraction, samples: list[tuple[Fraction, Fraction]], rate: int, lam: int) -> Scalars:
        return Scalars(u + 5 if abs(u) == abs(v) else u, v, tuple(samples), F(rate, 40), F(lam if decay else 0, 20))

    sample = st.tuples(rationals(3, denominator=3, nonzero=True), rationals(4, denominator=3))
    return st.builds(
        build,
        rationals(4, denominator=3, nonzero=True),
        rationals(4, denominator=3, nonzero=True),
        st.lists(sample, min_size=steps, max_size=steps),
        st.integers(1, 40),
        st.integers(0, 6),
    )


def valley(profile: Profile) -> SimulationResult:
    """Convergence at several charges, and the charge under label noise.

    Residual: the law of balance along float64 runs, evaluated exactly; bound: ``gamma(n)`` times its absolute terms.
    """
    Y, eta = 2.0, 1 / 128
    steps = (200, 400, 800)[profile.effort]
    worst = Residual(0.0, 1.0)
    decays: list[Series] = []
    for Q in (0.0, 3.0, 12.0):
        u = math.sqrt((Q + math.sqrt(Q * Q + 4 * (Y / 2) ** 2)) / 2)
        points = _floats(u, Y / 2 / u, [Y] * steps, eta)
        worst = max(worst, _judge(points, eta), key=lambda f: f.value / f.bound)
        sharp = math.sqrt(Q * Q + 4 * Y * Y)
        curve = [(k * eta, abs(r)) for k, (_, _, r) in enumerate(points[:-1]) if abs(r) > 1e-12]
        decays.append(Series(f"Q = {Q:g}, sharpness {sharp:.3g}", curve))
        t, last = curve[-1]
        near = [point for point in curve if point[0] > t / 2]
        decays.append(
            Series(f"slope -{sharp:.3g}", [(s, last * math.exp(sharp * (t - s))) for s, _ in near], kind="bound")
        )
    speed = Plot(
        "The charge sets the rate of convergence",
        "time k eta",
        "|u v - Y|",
        decays,
        y_scale="log",
        caption="Gradient descent with eta = 1/128 from u v = Y/2, Y = 2, along three values of Q.",
    )
    from random import Random

    random = Random(0)
    noise: list[Series] = []
    for spread in (0.0, 1.0, 3.0):
        labels = [Y + spread * random.choice((-1, 1)) for _ in range(10 * steps)]
        points = _floats(2.0, 1.0, labels, 1 / 16)
        worst = max(worst, _judge(points[::1][:200], 1 / 16), key=lambda f: f.value / f.bound)
        charge = [(float(k), abs(u * u - v * v)) for k, (u, v, _) in enumerate(points) if k % 10 == 0]
        noise.append(Series(f"labels 2 +- {spread:g}", [(k, q) for k, q in charge if q > 1e-12]))
    flat = Plot(
        "Label noise wears the charge away",
        "step",
        "|Q|",
        noise,
        y_scale="log",
        caption="SGD with eta = 1/16 from (2, 1). Every step multiplies Q by 1 - eta^2 r^2: while labels are noisy r "
        "never vanishes, and the run drifts to the flattest minimum, Q = 0.",
    )
    return SimulationResult(worst, (speed, flat))


def _floats(u: float, v: float, labels: Sequence[float], eta: float) -> list[tuple[float, float, float]]:
    found: list[tuple[float, float, float]] = []
    for y in labels:
        r = u * v - y
        found.append((u, v, r))
        u, v = u - eta * r * v, v - eta * r * u
    return [*found, (u, v, 0.0)]


def _judge(points: Sequence[tuple[float, float, float]], eta: float) -> Residual:
    worst = Residual(0.0, 1.0)
    for (u, v, r), (a, b, _) in pairwise(points):
        off = F(a) ** 2 - F(b) ** 2 - (1 - (F(eta) * F(r)) ** 2) * (F(u) ** 2 - F(v) ** 2)
        p, q = moved(Sized.of(u), Sized.of(v), Sized.of(r), eta, 0.0)
        found = rounded(off, size_of(p * p - q * q), 20, "float64")
        worst = found if found.value / found.bound > worst.value / worst.bound else worst
    return worst


THEOREM = Theorem(
    id="B3.sharpness",
    title="Charge, sharpness and rate of the scalar two-layer model",
    summary="Q = u^2 - v^2 fixes the sharpness root(Q^2 + 4 Y^2) of the minimum, and each step of SGD multiplies it.",
    source="arXiv 2210.17216; the discrete law is derived, and known as the law of balance",
    status="proved",
    hypotheses=(
        "L = (x u v - y)^2/2 with a sample (x, y) for each step, r = x (x u v - y); plain SGD with coupled decay.",
        "For flow and sharpness: x = 1 and y = Y at all times.",
    ),
    statement=r"Q_{k+1} = \bigl((1-\eta\lambda)^2 - \eta^2 r_k^2\bigr)\,Q_k, \qquad "
    r"z' = -(z - Y)\sqrt{Q^2 + 4z^2}, \qquad \mathrm{spec}\,H = \{0,\ \sqrt{Q^2 + 4Y^2}\} \ \text{at } uv = Y",
    assumes=("B0.sgd-quadratic",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="law-of-balance",
            says="In exact runs with decay, each step with its own sample, Q is multiplied by the stated factor.",
            arithmetic="rational",
            cases=scalars,
            check=check_balance,
            examples=[EXAMPLE, LARGE],
        ),
        Property(
            name="growth",
            says="|Q| decreases exactly for 0 < eta |r| < root 2, and keeps its sign exactly for eta |r| < 1.",
            arithmetic="rational",
            cases=lambda: scalars(1, decay=False),
            check=check_growth,
            examples=[EXAMPLE, LARGE],
        ),
        Property(
            name="torch-float64",
            says="Runs of torch.optim.SGD in float64 obey the law of balance up to rounding.",
            arithmetic="float64",
            cases=scalars,
            check=check_torch,
            examples=[EXAMPLE, LARGE],
            share=0.5,
        ),
    ),
    simulations=(
        Simulation(
            name="valley",
            says="A larger charge converges faster, at a sharper minimum; label noise removes it.",
            run=valley,
        ),
    ),
    mutants=(
        Mutant(
            name="plus",
            says="Q is multiplied by 1 + eta^2 r^2.",
            violates=Property(
                "plus", "a plus", "rational", scalars, lambda case: check_balance(case, 1), examples=[EXAMPLE]
            ),
        ),
        Mutant(
            name="threshold",
            says="|Q| decreases iff eta |r| < 1.",
            violates=Property(
                "threshold",
                "eta |r| < 1",
                "rational",
                lambda: scalars(1, decay=False),
                lambda case: check_growth(case, 1),
                examples=[Scalars(F(2), F(1), ((F(1), F(-2)),), F(3, 10))],
            ),
        ),
        Mutant(name="wrong-sign", says="The derivation with a plus.", rejects=lambda: _step(1)),
    ),
)
