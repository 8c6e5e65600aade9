"""For which initializations of a two-layer linear network is the metric intrinsic? The complete answer, decided over Q.

Setting (A3.linear2.converse): phi = U V^T, P = (U ; V) of rank rho, and the orbit of P under SO_0(n, m), which is where
gradient flows of all losses lead. Directions in ker dphi that are tangent to the orbit have the dimension

    f = a(n) + a(m) + (n - rank U)(m - rank V) - a(N - rho),    a(k) = k (k - 1)/2,

and contain the rotations ``P Y``, Y skew and commuting with Delta, along which the metric does not change. A
direction v along which ``G -> U U^T G + G V V^T`` does not change has ``d(U U^T) = c I_n`` and ``d(V V^T) = -c I_m``;
the trace of Delta is constant, so ``c (n + m) = 0``. Then d(P P^T) = 0, and v is such a rotation. Hence the kernel
criterion holds at P iff

    dim {Y in so(rho) : [Delta_0, Y] = 0} = f,

and since Delta_0 is symmetric the left side is the sum of a(multiplicity) over its distinct eigenvalues: a number
that the characteristic polynomial knows (``_two_layer``). f is the same near P on the orbit iff U and V have the
largest ranks that rho allows, min(n, rho) and min(m, rho); elsewhere the criterion at P decides nothing, and
``holds`` is None.

At P of rank below min(r, N) all directions in ker dphi and ker dDelta, tangent to the orbit or not, give the same
answer at P: with ``P = (P_0, 0)`` after a rotation, they are ``(v_0, w)`` with v_0 in the kernels of P_0 and ``P_0^T
J w = 0``, and the metric changes with v_0 alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Literal

from ...errors import BadInput, TooLarge
from ...models import DeepLinear, Model
from ...polynomials import Rational
from .matrices import Rows, cayley, product, zeros
from .two_layer import spectrum, split

Condition = Literal["always", "relaxed balanced only", "two-valued spectrum", "never"]

BOUND = 8
"""The largest bound of ``case_table``."""


@dataclass(frozen=True, slots=True)
class Classification:
    """Which of the seven cases a point belongs to, and whether the metric property holds locally on its orbit.

    Attributes:
        case: 1 to 7, as numbered in A3.linear2.converse. 7 is P of deficient rank, read as the case of width rho.
        holds: None where the theory claims nothing: U or V has a smaller rank than the rank of P allows.
        reason: one or two sentences with the numbers of this point.
        n, m, r: sizes.
        rank: rho, the rank of P.
        fibre_dimension: f at this point, exact whatever the ranks.
        commutant_dimension: of the skew rho x rho matrices that commute with Delta_0.
        multiplicities: of the distinct eigenvalues of Delta_0, the largest first.
    """

    case: int
    holds: bool | None
    reason: str
    n: int
    m: int
    r: int
    rank: int
    fibre_dimension: int
    commutant_dimension: int
    multiplicities: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """One (n, m, r) at full ranks: its case, and for which initializations the metric property holds."""

    n: int
    m: int
    r: int
    case: int
    condition: Condition
    fibre_dimension: int


def classify_model(model: Model, point: Sequence[Rational]) -> Classification:
    """``classify`` at a point of ``linear:n-r-m``.

    >>> classify_model(DeepLinear((2, 2, 2)), [2, 0, 0, 2, 1, 0, 0, 1]).holds
    True

    Raises:
        BadInput: another model (the classification is about two linear layers and losses of all of phi), or a point
            of another length.
        TooLarge: see ``classify``.
    """
    if not isinstance(model, DeepLinear) or len(model.widths) != 3 or model.logits:
        raise BadInput(
            f"{model.spec} is not a two-layer linear network under a loss of its outputs, and the classification is "
            "about these. Give a model such as linear:2-3-2."
        )
    n, r, m = model.widths
    return classify(n, m, r, *split(model, point))


def classify(n: int, m: int, r: int, U: Rows, V: Rows) -> Classification:
    """Decides whether the metric property holds locally on the orbit of (U, V); exact.

    Args:
        n, m, r: outputs, inputs, hidden width.
        U: n x r.
        V: m x r.

    >>> at_one = classify(1, 3, 2, [[Fraction(3, 4), 0]], [[Fraction(5, 4), 0], [0, 1], [0, 0]])
    >>> at_one.case, at_one.holds, at_one.fibre_dimension, at_one.commutant_dimension
    (4, False, 2, 1)

    Raises:
        BadInput: a matrix of another shape, or a size below 1.
        TooLarge: min(r, n + m) is above ``_two_layer.SIDE``.
    """
    found = spectrum(n, m, r, U, V)
    rho, (rank_u, rank_v), commutant = found.rank, found.ranks, found.commutant
    f = _a(n) + _a(m) + (n - rank_u) * (m - rank_v) - _a(n + m - rho)
    case = 7 if rho < min(r, n + m) else _case(n, m, rho)
    shown = ", ".join(map(str, found.multiplicities)) or "none"
    numbers = f"the fibre has dimension {f}, the rotations that keep Delta have dimension {commutant}"
    holds: bool | None = commutant == f
    if rank_u < min(n, rho) or rank_v < min(m, rho):
        holds = None
        reason = (
            f"P has rank {rho}, U has rank {rank_u} of {min(n, rho)} and V has rank {rank_v} of {min(m, rho)}: the "
            f"rank of dphi is not constant near this point, and the classification claims nothing (here {numbers})."
        )
    else:
        inner = f"P has rank {rho} and not {min(r, n + m)}: the width counts as r = {rho}. " if case == 7 else ""
        reason = (
            f"{inner}{_says(n, m, rho)} Here the eigenvalues of Delta on the row space of P have the multiplicities "
            f"{shown}: {numbers}."
        )
    return Classification(case, holds, reason, n, m, r, rho, f, commutant, found.multiplicities)


def case_table(bound: int, widest: int = 0) -> tuple[Cell, ...]:
    """Every (n, m, r) with n, m up to ``bound``, r up to ``widest``, decided by ``classify`` at points of all kinds.

    Without ``widest`` r goes up to ``bound`` too.

    f depends on sizes alone where all ranks are full, and the commutant on the multiplicities alone. For each inertia
    (p, q, z) that Delta_0 can have - p + z <= n, q + z <= m, p + q + z = min(r, N), since the form J on the range of P
    is what Delta_0 is congruent to - the commutant is largest where all eigenvalues of one sign are equal, and strictly
    smaller elsewhere. So one point with distinct eigenvalues, and one most degenerate point for each inertia, decide.

    Raises:
        BadInput: a bound below 1.
        TooLarge: a bound above ``BOUND``, or more cells than a table up to ``BOUND`` has.
    """
    widths = widest or bound
    if bound < 1 or widths < 1:
        raise BadInput(f"A table up to {min(bound, widths)} is empty. Give a bound of at least 1.")
    if bound > BOUND or bound**2 * widths > BOUND**3:
        raise TooLarge(
            f"A table up to {bound} has {bound**2 * widths} cells; it is made up to {BOUND}, with {BOUND**3}. Take a "
            "smaller bound."
        )
    sizes = range(1, bound + 1)
    return tuple(_cell(n, m, r) for n in sizes for m in sizes for r in range(1, widths + 1))


def representative(
    n: int, m: int, r: int, inertia: tuple[int, int, int], *, distinct: bool = False
) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
    """(U, V) of full ranks whose Delta_0 has the given numbers of positive, negative and zero eigenvalues.

    Args:
        n, m, r: sizes.
        inertia: (p, q, z) with p + z <= n, q + z <= m and p + q + z <= min(r, n + m).
        distinct: makes positive and negative eigenvalues distinct; else all of one sign are equal (4 and -9).

    Raises:
        BadInput: an inertia that Delta cannot have.
    """
    p, q, z = inertia
    if min(inertia) < 0 or p + z > n or q + z > m or p + q + z > r:
        raise BadInput(f"Delta cannot have the inertia {inertia} at (n, m, r) = ({n}, {m}, {r}).")
    P = [[Fraction(0)] * r for _ in range(n + m)]
    for i in range(p):
        P[i][i] = Fraction(i + 1 if distinct else 2)
    for j in range(q):
        P[n + j][p + j] = Fraction(j + 1 if distinct else 3)
    for k in range(z):  # isotropic columns
        P[p + k][p + q + k] = P[n + q + k][p + q + k] = Fraction(1)
    rho = p + q + z
    for seed in range(1, 50):
        U, V = boosted(P, n, seed)
        if spectrum(n, m, r, U, V).ranks == (min(n, rho), min(m, rho)):
            return U, V
    raise BadInput(f"No point of full ranks was found at (n, m, r) = ({n}, {m}, {r}).")


def boosted(P: Rows, n: int, seed: int) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
    """``g P`` for a rational g in SO_0(n, m), split after n rows: Delta is that of P, exactly.

    g is the Cayley transform ``(I - X)^(-1) (I + X)`` of X = J K with a skew K. It preserves J because
    ``X^T J + J X = 0``; the row sums of K are below 1, so ``I - t X`` is invertible for t in [0, 1] and g is connected
    to the identity.
    """
    size, random = len(P), Random(seed)
    X = zeros(size, size)
    for i in range(size):
        for j in range(i + 1, size):
            entry = Fraction(random.randint(-3, 3), 4 * size)
            X[i][j] = entry if i < n else -entry
            X[j][i] = -entry if j < n else entry
    moved = [[Fraction(x) for x in row] for row in product(cayley(X), P)]
    return moved[:n], moved[n:]


def _cell(n: int, m: int, r: int) -> Cell:
    rho = min(r, n + m)
    p = min(n, rho)
    generic = classify(n, m, r, *representative(n, m, r, (p, rho - p, 0), distinct=True))
    if generic.holds:
        return Cell(n, m, r, generic.case, "always", generic.fibre_dimension)
    degenerate = [classify(n, m, r, *representative(n, m, r, inertia)) for inertia in _inertias(n, m, rho)]
    values = {len(point.multiplicities) for point in degenerate if point.holds}
    conditions: dict[frozenset[int], Condition] = {
        frozenset(): "never",
        frozenset({1}): "relaxed balanced only",
        frozenset({2}): "two-valued spectrum",
    }
    return Cell(n, m, r, generic.case, conditions[frozenset(values)], generic.fibre_dimension)


def _inertias(n: int, m: int, rho: int) -> Iterator[tuple[int, int, int]]:
    for z in range(min(n, m, rho) + 1):
        for p in range(n - z + 1):
            q = rho - z - p
            if 0 <= q <= m - z:
                yield p, q, z


def _case(n: int, m: int, rho: int) -> int:
    """The case of a P of full rank rho, by sizes."""
    low, high = min(n, m), max(n, m)
    if rho <= 1 or high == 1:
        return 1
    if rho <= low:
        return 2
    if rho == high:
        return 3
    if rho < high:
        return 4
    return 5 if rho < n + m else 6


def _says(n: int, m: int, rho: int) -> str:
    return {
        1: "With r <= 1 or n = m = 1 the metric property always holds.",
        2: "With 2 <= r <= min(n, m) the metric property holds iff Delta is a multiple of the identity.",
        3: "With r = max(n, m) the metric property holds iff Delta is a multiple of the identity.",
        4: "With min(n, m) < r < max(n, m) the metric property never holds.",
        5: "With max(n, m) < r < n + m the metric property never holds.",
        6: "With r >= n + m the metric property holds iff Delta has one positive value n times and one negative value "
        "m times, apart from zeros.",
    }[_case(n, m, rho)]


def _a(k: int) -> int:
    """The dimension of the skew k x k matrices."""
    return k * (k - 1) // 2
