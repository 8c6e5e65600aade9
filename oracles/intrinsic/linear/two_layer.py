"""Two-layer linear networks at a rational point: ranks, and the spectrum of the balance on the row space, exactly.

Notation: U is n x r, V is m x r, P = (U ; V) is N x r with N = n + m, J = diag(I_n, -I_m), and
``Delta = P^T J P = U^T U - V^T V``. ``linear:n-r-m`` has U as its first block and V^T as its second.

The spectrum. ``Delta = P^T (J P)`` vanishes on the kernel of P and maps into the row space of P, so in an orthonormal
basis of row space plus kernel it is ``diag(Delta_0, 0)``, with ``Delta_0 = Q^T Delta Q`` of side rho = rank P. Its
characteristic polynomial is therefore that of Delta divided by ``x^(r - rho)``, without any basis. Since
``x^N det(x I_r - P^T (J P)) = x^r det(x I_N - (J P) P^T)``, the N x N matrix ``J P P^T`` serves as well, and the
smaller one is taken. Delta_0 is symmetric, hence diagonalizable: multiplicities of roots are dimensions of eigenspaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ...errors import BadInput, TooLarge
from ...models import DeepLinear
from ...polynomials import Rational
from .matrices import Rows, to_flint

if TYPE_CHECKING:
    from flint import fmpq

SIDE = 128
"""The largest side of a matrix whose characteristic polynomial is computed over Q."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Delta_0: the balance on the row space of P.

    Attributes:
        rank: rho, its side.
        ranks: of U and of V.
        radical: the monic polynomial with every eigenvalue as a simple root, the constant coefficient first.
        at_least: entry k - 1 counts the distinct eigenvalues of multiplicity k or more.
        rank_z: the rank of ``U V^T``.
    """

    rank: int
    ranks: tuple[int, int]
    radical: tuple[Fraction, ...]
    at_least: tuple[int, ...]
    rank_z: int

    @property
    def multiplicities(self) -> tuple[int, ...]:
        """Of the distinct eigenvalues, the largest first."""
        distinct = self.at_least[0] if self.at_least else 0
        return tuple(sum(count > i for count in self.at_least) for i in range(distinct))

    @property
    def commutant(self) -> int:
        """The dimension of the skew matrices that commute with Delta_0: the sum of k (k - 1)/2 over multiplicities."""
        return sum(k * (k - 1) // 2 for k in self.multiplicities)

    @property
    def scalar(self) -> Fraction | None:
        """lambda, where Delta_0 = lambda I; 0 for rho = 0; None elsewhere."""
        if len(self.radical) == 1:
            return Fraction(0)
        return -self.radical[0] if len(self.radical) == 2 else None

    @property
    def two_values(self) -> tuple[Fraction, Fraction] | None:
        """``(mu - nu, mu nu)`` where the distinct eigenvalues are mu and -nu: rational even where mu is not."""
        return (-self.radical[1], -self.radical[0]) if len(self.radical) == 3 else None


def split(model: DeepLinear, point: Sequence[Rational]) -> tuple[list[list[Rational]], list[list[Rational]]]:
    """U (n x r) and V (m x r) of a point of ``linear:n-r-m``.

    Raises:
        BadInput: another depth, or a point of another length.
    """
    if len(model.widths) != 3:
        raise BadInput(f"{model.spec} does not have two layers. Give a model such as linear:2-3-2.")
    if len(point) != model.parameters:
        raise BadInput(f"A point of {model.spec} has {model.parameters} entries; {len(point)} were given.")
    n, r, m = model.widths
    first, second = list(point[: n * r]), list(point[n * r :])
    U = [first[i * r : (i + 1) * r] for i in range(n)]
    return U, [second[k::m] for k in range(m)]


def spectrum(n: int, m: int, r: int, U: Rows, V: Rows) -> Spectrum:
    """Ranks and the spectrum of Delta_0, exactly.

    Raises:
        BadInput: a matrix of another shape, or a size below 1.
        TooLarge: min(r, n + m) is above ``SIDE``.
    """
    if min(n, m, r) < 1:
        raise BadInput(f"A two-layer network has n, m, r of at least 1; ({n}, {m}, {r}) was given.")
    for name, matrix, height in (("U", U, n), ("V", V, m)):
        if len(matrix) != height or any(len(row) != r for row in matrix):
            raise BadInput(f"{name} must have {height} rows of {r} entries. Give U as n x r and V as m x r.")
    side = min(r, n + m)
    if side > SIDE:
        raise TooLarge(
            f"(n, m, r) = ({n}, {m}, {r}) needs a characteristic polynomial of side {side}; it is computed up to "
            f"{SIDE}. Take a narrower network."
        )
    from flint import fmpq_poly

    u, v = to_flint(U, r), to_flint(V, r)
    P, JP = to_flint([*U, *V], r), to_flint([*U, *([-x for x in row] for row in V)], r)
    square = P.transpose() * JP if r <= n + m else JP * P.transpose()
    rank = int(P.rank())
    polynomial: fmpq_poly = fmpq_poly(square.charpoly().coeffs()[side - rank :])
    at_least, radical, rest = list[int](), fmpq_poly([1]), polynomial
    while rest.degree() > 0:
        # gcd(p, p') has every root once less: the loss of degree counts the distinct roots
        common = rest.gcd(rest.derivative())
        if not at_least:
            radical = rest // common
        at_least.append(int(rest.degree() - common.degree()))
        rest = common
    monic = [c / radical.coeffs()[-1] for c in radical.coeffs()]
    return Spectrum(
        rank=rank,
        ranks=(int(u.rank()), int(v.rank())),
        radical=tuple(_fraction(c) for c in monic),
        at_least=tuple(at_least),
        rank_z=int((u * v.transpose()).rank()),
    )


def _fraction(value: fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))
