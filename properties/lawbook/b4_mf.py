"""B4.mf: what a step of gradient descent does to the imbalance of a matrix factorization, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from .._profiles import Profile
from .._theorem import (
    Mutant,
    Number,
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
from .._training import drift_slope, fraction, torch_here

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
Rows = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True, slots=True)
class Factors:
    """The loss ``|U V^T - M|^2 / 2`` with U n x r, V m x r and M n x m, and a rate for each step."""

    U: Rows
    V: Rows
    M: Rows
    rates: tuple[Fraction, ...]

    def __repr__(self) -> str:
        from ..strategies import shown

        parts = "; ".join(f"{name} = {' '.join(map(shown, getattr(self, name)))}" for name in "UVM")
        return f"{parts}; rates {shown(self.rates)}"


KNOWN_CASE = Factors(((F(1), F(0)), (F(1), F(1))), ((F(2), F(1)),), ((F(1),), (F(0),)), (F(1, 10),))
KNOWN = (((F(-2), F(-1)), (F(-1), F(0))), ((F(-44, 25), F(-23, 25)), (F(-23, 25), F(1, 100))))
"""The imbalance before and after the step, as the theory states them."""
LONELY = Factors(((F(0),),), ((F(1),),), ((F(1),),), (F(1, 2),))
"""Only U has a gradient: the bound on a step is attained."""
STEEP = Factors(((F(2),),), ((F(1),),), ((F(0),),), (F(1),))
"""A rate above one over the curvature."""


def derivation() -> Iterator[Step]:
    """Cross terms cancel; what is left is bounded by sums of squares; the sum telescopes."""
    yield Step(
        "With E = U V^T - M the gradients are E V and E^T U. The terms of first order in the rate are the same matrix "
        "on both sides, U^T E V and its transpose.",
        r"U^\top(E V) = (E^\top U)^\top V",
        _cross(),
    )
    yield Step(
        "So one step changes the imbalance by its own value at the gradients. The certificate has all entries of U, V "
        "and M and the rate free, two of everything.",
        r"U'^\top U' - V'^\top V' = U^\top U - V^\top V + \eta^2\bigl(V^\top E^\top E V - U^\top E E^\top U\bigr)",
        _step(1),
    )
    yield Step(
        "Write A and B for the two squares. The square of the whole gradient minus the squared increment is a sum of "
        "squares: minors of both gradients (Lagrange), and twice their mutual products.",
        r"\bigl(\operatorname{tr}A + \operatorname{tr}B\bigr)^2 - |A - B|_F^2 \ge 0 \ \Rightarrow\ "
        r"\bigl|\Delta\Lambda\bigr|_F \le \eta^2 |\nabla f|^2",
        _squares(),
    )
    yield Step(
        "The curvature in a direction (X, Y) is |X V^T + U Y^T|^2 + 2 <E, X Y^T>, at most (|U|^2 + |V|^2 + |E|) times "
        "|X|^2 + |Y|^2 by Cauchy and Schwarz. If f is B-smooth on the segment of a step and eta is at most 1/B, the "
        "step lowers f by at least half of eta |grad f|^2.",
        r"f_{t+1} \le f_t - \tfrac{\eta_t}{2}|\nabla f_t|^2 \ \Rightarrow\ "
        r"|\Delta\Lambda_t|_F \le 2\eta_t\,(f_t - f_{t+1})",
    )
    yield Step(
        "Summation by parts: for rates that do not increase every term of the last sum is nonnegative. Checked for "
        "five steps with free rates and values.",
        r"\sum_{t<K} \eta_t (f_t - f_{t+1}) = \eta_0 f_0 - \eta_{K-1} f_K - \sum_{0<t<K} (\eta_{t-1} - \eta_t) f_t",
        _parts(),
    )
    yield Step(
        "The total drift is therefore at most 2 eta_0 f_0, for ever. With rates t^-(1/2 + delta) the sum of squared "
        "rates is finite: while the gradient is bounded, that alone bounds the drift. (The constants of the paper's "
        "Theorems 3.1 and 3.2 are not part of this entry.)",
        r"\bigl|\Lambda_K - \Lambda_0\bigr|_F \le 2\,\eta_0 f_0",
    )
    yield Step(
        "One step by hand: E = (1, 3)^T, from [[-2, -1], [-1, 0]] to [[-44/25, -23/25], [-23/25, 1/100]].",
        r"\Lambda' = \begin{pmatrix} -44/25 & -23/25 \\ -23/25 & 1/100 \end{pmatrix}",
        _known(),
    )


def _matrices() -> tuple[Any, ...]:
    from ...oracles.proofs import Matrix

    U, V, M = (Matrix.symbols(2, 2, start) for start in (0, 4, 8))
    return U, V, U @ V.T - M


def _cross() -> Certificate:
    from ...oracles.proofs import identity

    U, V, E = _matrices()
    return identity(12, (U.T @ (E @ V)).equals((E.T @ U).T @ V))


def _step(sign: int, *, transposed: bool = False) -> Certificate:
    from ...oracles.proofs import identity, multiply, power, symbol

    U, V, E = _matrices()
    eta = symbol(12)
    gU, gV = E @ V, E.T @ U
    after = (U - gU.scaled(eta), V - gV.scaled(eta))
    first, second = (E @ E.T, E.T @ E) if transposed else (E.T @ E, E @ E.T)
    increment = (V.T @ first @ V - U.T @ second @ U).scaled(multiply(sign, power(eta, 2)))
    left = after[0].T @ after[0] - after[1].T @ after[1]
    return identity(13, left.equals(U.T @ U - V.T @ V + increment))


def _squares() -> Certificate:
    """(tr A + tr B)^2 - |A - B|^2 for A = G^T G and B = H^T H, with 2 x 2 matrices G, H."""
    from ...oracles.proofs import Matrix, add, identity, multiply, power, subtract

    G, H = Matrix.symbols(2, 2), Matrix.symbols(2, 2, 4)
    A, B = G.T @ G, H.T @ H

    def minors(X: Matrix) -> Any:
        (a, b), (c, d) = X.rows
        return multiply(2, power(subtract(multiply(a, d), multiply(b, c)), 2))

    mutual = G @ H.T
    left = subtract(power(add(A.trace(), B.trace()), 2), (A - B).inner(A - B))
    right = add(minors(G), minors(H), multiply(2, A.trace(), B.trace()), multiply(2, mutual.inner(mutual)))
    return identity(8, [(left, right)])


def _parts() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    K = 5
    eta, f = [symbol(t) for t in range(K)], [symbol(K + t) for t in range(K + 1)]
    left = add(*(multiply(eta[t], subtract(f[t], f[t + 1])) for t in range(K)))
    rest = add(*(multiply(subtract(eta[t - 1], eta[t]), f[t]) for t in range(1, K)))
    right = subtract(subtract(multiply(eta[0], f[0]), multiply(eta[K - 1], f[K])), rest)
    return identity(2 * K + 1, [(left, right)])


def _known() -> Certificate:
    from ...oracles.proofs import Matrix, symbol, values

    U, V, M = Matrix.symbols(2, 2), Matrix.symbols(1, 2, 4), Matrix.symbols(2, 1, 6)
    E, eta = U @ V.T - M, symbol(8)
    after = (U - (E @ V).scaled(eta), V - (E.T @ U).scaled(eta))
    pairs = [
        (node, value)
        for (X, Y), known in zip(((U, V), after), KNOWN, strict=True)
        for row, numbers in zip((X.T @ X - Y.T @ Y).rows, known, strict=True)
        for node, value in zip(row, numbers, strict=True)
    ]
    flat = [x for rows in (KNOWN_CASE.U, KNOWN_CASE.V, KNOWN_CASE.M) for row in rows for x in row]
    return values((*flat, KNOWN_CASE.rates[0]), pairs)


def matrix(rows: Sequence[Sequence[Any]]) -> Any:
    """An exact matrix of python-flint."""
    from flint import fmpq, fmpq_mat

    numbers = [fmpq(F(x).numerator, F(x).denominator) for row in rows for x in row]
    return fmpq_mat(len(rows), len(rows[0]), numbers)


def imbalance(U: Any, V: Any) -> Any:
    """``U^T U - V^T V``."""
    return U.transpose() * U - V.transpose() * V


def square(X: Any) -> Fraction:
    """The squared Frobenius norm, exactly."""
    return sum((fraction(x) ** 2 for x in X.entries()), F(0))


def gradients(U: Any, V: Any, M: Any) -> tuple[Any, Any, Any]:
    """``E``, ``E V`` and ``E^T U``."""
    E = U * V.transpose() - M
    return E, E * V, E.transpose() * U


def table() -> Table:
    """The known step, by running it."""
    case = KNOWN_CASE
    U, V, M = map(matrix, (case.U, case.V, case.M))
    _, gU, gV = gradients(U, V, M)
    eta = matrix([[case.rates[0]]])[0, 0]
    found = [imbalance(U, V), imbalance(U - gU * eta, V - gV * eta)]
    exact = tuple(tuple(tuple(fraction(X[i, j]) for j in range(2)) for i in range(2)) for X in found)
    rows = [(name, *(str(x) for row in X for x in row)) for name, X in zip(("before", "after"), exact, strict=True)]
    return Table("U^T U - V^T V, eta = 1/10", ("when", "11", "12", "21", "22"), rows, exact == KNOWN)


def drawn(steps: int = 3) -> SearchStrategy[Factors]:
    """Factorizations of up to 3 x 3 matrices, rates between 1/40 and 1/2."""
    from hypothesis import strategies as st

    from ..strategies import matrices

    @st.composite
    def build(draw: st.DrawFn) -> Factors:
        n, m, r = (draw(st.integers(1, 3)) for _ in range(3))
        shapes = ((n, r), (m, r), (n, m))
        U, V, M = (draw(matrices(a, b, size=4, denominator=2, nonzero=True)) for a, b in shapes)
        return Factors(U, V, M, draw(st.tuples(*[st.integers(1, 20).map(lambda k: F(k, 40))] * steps)))

    return build()


def run(case: Factors, visit: Callable[[Any, Any, Any, Fraction], Residual]) -> Residual:
    """The worst of what ``visit`` says of U, V, M and the rate along an exact run."""
    u, v, M = map(matrix, (case.U, case.V, case.M))
    found: list[Residual] = []
    for rate in case.rates:
        found.append(visit(u, v, M, rate))
        _, gU, gV = gradients(u, v, M)
        eta = matrix([[rate]])[0, 0]
        u, v = u - gU * eta, v - gV * eta
    return max(found, key=lambda r: r.value / r.bound if r.bound else r.value)


def _increment(U: Any, V: Any, M: Any, rate: Fraction) -> tuple[Any, Any, Any]:
    """How the imbalance changes in a step, and the gradients."""
    _, gU, gV = gradients(U, V, M)
    eta = matrix([[rate]])[0, 0]
    return imbalance(U - gU * eta, V - gV * eta) - imbalance(U, V), gU, gV


def check_step(U: Any, V: Any, M: Any, rate: Fraction) -> Residual:
    """The identity of a step."""
    change, _, _ = _increment(U, V, M, rate)
    E, eta = gradients(U, V, M)[0], matrix([[rate]])[0, 0]
    S = V.transpose() * E.transpose() * E * V - U.transpose() * E * E.transpose() * U
    return Residual(square(change - S * eta * eta), nontrivial=square(change) != 0)


def check_conserved(U: Any, V: Any, M: Any, rate: Fraction) -> Residual:
    """The wrong statement that a step leaves the imbalance as it is."""
    return Residual(square(_increment(U, V, M, rate)[0]))


def check_bound(U: Any, V: Any, M: Any, rate: Fraction, share: Number = 1) -> Residual:
    """The square of the increment against ``share`` times that of eta^2 |grad f|^2."""
    change, gU, gV = _increment(U, V, M, rate)
    total = square(gU) + square(gV)
    return Residual(square(change), share * rate**4 * total**2, nontrivial=total != 0)


def check_half(U: Any, V: Any, M: Any, rate: Fraction) -> Residual:
    """The wrong bound with half of eta^2 |grad f|^2."""
    return check_bound(U, V, M, rate, F(1, 4))


def check_curvature(U: Any, V: Any, M: Any, rate: Fraction) -> Residual:
    """The curvature along the gradient, and along it with one side turned, against |U|^2 + |V|^2 + |E|."""
    E, gU, gV = gradients(U, V, M)
    found: list[Residual] = []
    for X, Y in ((gU, gV), (gU, -gV), (U, V), (U, -V)):
        bent = square(X * V.transpose() + U * Y.transpose())
        mutual = sum((fraction(a * b) for a, b in zip(E.entries(), (X * Y.transpose()).entries(), strict=True)), F(0))
        size = square(X) + square(Y)
        above = bent + 2 * mutual - (square(U) + square(V)) * size
        found.append(Residual(above**2 if above > 0 else 0, square(E) * size**2, nontrivial=size != 0))
    return max(found, key=lambda r: r.value)


def check_total(case: Factors, *, halve: bool = True) -> Residual:
    """Five steps, the rate halved until f falls by half of eta |grad f|^2; squared drift against (2 eta_0 f_0)^2."""
    u, v, M = map(matrix, (case.U, case.V, case.M))
    rate, first = case.rates[0], F(0)
    start, f_0 = imbalance(u, v), square(gradients(u, v, M)[0]) / 2
    for _ in range(5 if halve else 1):
        E, gU, gV = gradients(u, v, M)
        falls = square(gU) + square(gV)
        while True:
            eta = matrix([[rate]])[0, 0]
            after = (u - gU * eta, v - gV * eta)
            if not halve or square(gradients(*after, M)[0]) <= square(E) - rate * falls:
                break
            rate /= 2
        first = first or rate
        u, v = after
    drift = square(imbalance(u, v) - start)
    return Residual(drift, (2 * first * f_0) ** 2, nontrivial=drift != 0)


def check_torch(case: Factors, dtype: Literal["float64", "float32"]) -> Residual:
    """Steps of torch.optim.SGD with autograd, entry by entry, evaluated exactly.

    Bound: an entry of U' is off by gamma(n) times its absolute terms T = |U| + eta |E| |V|, n the roundings of E, of
    the gradient and of the step; a product of two entries by gamma(2 n), so the matrix by gamma(2 n) (T^T T + ...).
    """
    import numpy as np

    from ...simulations.fields import gamma

    torch = torch_here()
    kind = getattr(torch, dtype)
    U, V, M = (torch.tensor([[float(x) for x in row] for row in rows], dtype=kind) for rows in (case.U, case.V, case.M))
    U.requires_grad_()
    V.requires_grad_()
    sgd = torch.optim.SGD([U, V], lr=1.0)
    found: list[Residual] = []
    for rate in case.rates:
        eta = float(rate)
        sgd.param_groups[0]["lr"] = eta
        sgd.zero_grad()
        (((U @ V.T - M) ** 2).sum() / 2).backward()
        before = [x.detach().double().numpy().copy() for x in (U, V)]
        sgd.step()
        after = [x.detach().double().numpy() for x in (U, V)]
        if not all(np.isfinite(x).all() and (abs(x) < 2.0**20).all() for x in after):
            break
        exact_U, exact_V = (matrix(x.tolist()) for x in before)
        Mx = matrix(M.double().tolist())
        change, _, _ = _increment(exact_U, exact_V, Mx, F(eta))
        off = imbalance(*(matrix(x.tolist()) for x in after)) - imbalance(exact_U, exact_V) - change
        P, Q = map(abs, before)
        E = P @ Q.T + abs(M.double().numpy())
        T, S = P + eta * (E @ Q), Q + eta * (E.T @ P)
        n = 2 * (sum(P.shape) + len(Q) + 8)
        bound = gamma(n, dtype) * (T.T @ T + S.T @ S)
        entries = np.array([abs(float(fraction(x))) for x in off.entries()]).reshape(bound.shape)
        worst = np.unravel_index(np.argmax(entries / bound), bound.shape)
        found.append(Residual(float(entries[worst]), float(bound[worst]), nontrivial=square(change) != 0))
    return max(found, key=lambda r: r.value / r.bound) if found else Residual(0, nontrivial=False)


def schedules(profile: Profile) -> SimulationResult:
    """A 6 x 5 matrix of rank 2 is factored with r = 3: constant rates in ratio 2 for the same time, and falling rates.

    Residual and bound: the total drift of the runs with constant rates against 2 eta_0 f_0.
    """
    import numpy as np

    random = np.random.default_rng(3)
    U0, V0 = random.normal(size=(6, 3)) / 2, random.normal(size=(5, 3)) / 2
    M = random.normal(size=(6, 2)) @ random.normal(size=(2, 5)) / 2
    f_0 = float(((U0 @ V0.T - M) ** 2).sum() / 2)

    def drift(rates: Sequence[float]) -> list[float]:
        u, v = U0, V0
        found: list[float] = []
        for eta in rates:
            E = u @ v.T - M
            u, v = u - eta * (E @ v), v - eta * (E.T @ u)
            found.append(float(np.linalg.norm(u.T @ u - v.T @ v - U0.T @ U0 + V0.T @ V0)))
        return found

    time = (10, 20, 60)[profile.effort]
    ends = [(1 / k, drift([1 / k] * (time * k))[-1]) for k in (16, 32, 64, 128)]
    slope = drift_slope(ends)
    steps = (300, 2000, 20000)[profile.effort]
    curves: list[Series] = []
    for label, power in (("constant", 0.0), ("(t + 1)^-1/2", 0.5), ("(t + 1)^-3/4", 0.75), ("1/(t + 1)", 1.0)):
        values = drift([(t + 1) ** -power / 16 for t in range(steps)])
        chosen = sorted({min(steps - 1, round(1.2**k)) for k in range(60)})
        curves.append(Series(f"{label}", [(t + 1.0, values[t]) for t in chosen]))
    worst = max(ends, key=lambda end: end[1] / end[0])
    plots = (
        Plot(
            "The drift of a factorization is of first order in the rate",
            "eta",
            "|imbalance - its start|",
            (
                Series(f"same time: slope {slope:.2f}", ends),
                Series("2 eta f_0", [(eta, 2 * eta * f_0) for eta, _ in ends], kind="bound"),
            ),
            x_scale="log",
            y_scale="log",
            caption="6 x 5 of rank 2, three columns, from a random start.",
        ),
        Plot(
            "Whatever the schedule, the drift stops",
            "step",
            "|imbalance - its start|",
            (*curves, Series("2 eta_0 f_0", [(1.0, f_0 / 8), (float(steps), f_0 / 8)], kind="bound")),
            x_scale="log",
            y_scale="log",
            caption="All four begin with 1/16: the sum of eta^2 |grad f|^2 converges with the loss.",
        ),
    )
    rows = [(f"1/{round(1 / eta)}", end, end / eta) for eta, end in ends]
    return SimulationResult(
        Residual(worst[1], 2 * worst[0] * f_0, note=f"slope {slope:.2f}"),
        plots,
        Table("Total drift at the same time", ("eta", "drift", "drift/eta"), rows),
    )


def _property(name: str, says: str, visit: Any, *examples: Factors, share: float = 0.3) -> Property:
    return Property(name, says, "rational", drawn, lambda case: run(case, visit), (KNOWN_CASE, *examples), share)


def _torch(dtype: Literal["float64", "float32"]) -> Property:
    return Property(
        name=dtype,
        says=f"Autograd and torch.optim.SGD in {dtype}: every entry within gamma(n) times its absolute terms.",
        arithmetic=dtype,
        cases=drawn,
        check=lambda case: check_torch(case, dtype),
        examples=[KNOWN_CASE],
        share=0.3,
    )


def _caught(name: str, says: str, visit: Any, example: Factors) -> Mutant:
    return Mutant(
        name, says, Property(name, says, "rational", drawn, lambda case: run(case, visit), examples=[example])
    )


THEOREM = Theorem(
    id="B4.mf",
    title="The imbalance of a matrix factorization, step by step",
    summary="A step of gradient descent adds eta^2 (V^T E^T E V - U^T E E^T U) to U^T U - V^T V, and never much.",
    source="derived; the argument behind arXiv 1806.00900, Theorem 3.1",
    status="proved",
    hypotheses=(
        "f = |U V^T - M|^2 / 2, E = U V^T - M, gradient descent with rate eta_t at step t.",
        "For the total drift: rates do not increase and each step lowers f by at least eta_t |grad f|^2 / 2, as it "
        "does if f is B-smooth along the path and eta_t is at most 1/B.",
    ),
    statement=r"\Lambda_{t+1} = \Lambda_t + \eta_t^2\bigl(V^\top E^\top E V - U^\top E E^\top U\bigr), \quad "
    r"\Lambda = U^\top U - V^\top V, \qquad |\Lambda_{t+1} - \Lambda_t|_F \le \eta_t^2|\nabla f|^2, \qquad "
    r"|\Lambda_K - \Lambda_0|_F \le 2\eta_0 f_0",
    assumes=("B0.sgd-quadratic",),
    derivation=derivation,
    tables=(table,),
    properties=(
        _property("exact", "Exact steps: every entry of the matrix changes by what the identity says.", check_step),
        _property(
            "one-step", "No increment is larger than eta^2 |grad f|^2, compared as squares.", check_bound, LONELY
        ),
        _property("curvature", "Curvatures are at most |U|^2 + |V|^2 + |E|, compared as squares.", check_curvature),
        Property(
            name="total",
            says="Five exact steps with halved rates: the drift stays below 2 eta_0 f_0, compared as squares.",
            arithmetic="rational",
            cases=lambda: drawn(1),
            check=check_total,
            examples=[KNOWN_CASE, STEEP],
            share=0.2,
        ),
        _torch("float64"),
        _torch("float32"),
    ),
    simulations=(
        Simulation(
            name="schedules",
            says="Constant rates drift in proportion to the rate, below 2 eta_0 f_0; falling ones drift less.",
            run=schedules,
        ),
    ),
    mutants=(
        _caught("conserved", "Steps conserve the imbalance as the flow does.", check_conserved, KNOWN_CASE),
        _caught(
            "half-bound",
            "An increment is at most half of eta^2 |grad f|^2.",
            check_half,
            LONELY,
        ),
        Mutant(
            name="any-rate",
            says="The total drift is at most 2 eta_0 f_0 for any rate.",
            violates=Property(
                "any-rate",
                "one large step",
                "rational",
                drawn,
                lambda case: check_total(case, halve=False),
                examples=[STEEP],
            ),
        ),
        Mutant(name="opposite-sign", says="The increment has the other sign.", rejects=lambda: _step(-1)),
        Mutant(name="exchanged", says="E^T E and E E^T exchange places.", rejects=lambda: _step(1, transposed=True)),
    ),
)
