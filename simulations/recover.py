r"""The squares ``theta_e^2`` of a path lifting from ``z`` and the laws, in floats: A3.path-lifting.recover.

For ``t`` in R^hidden the squares ``q_e exp(2 (C^T t)_e)`` have the same ``|z|`` as q. The laws ask for a minimiser of
``Psi(t) = (1/2) sum_e q_e exp(2 (C^T t)_e) - <h, t>``, which is strictly convex and coercive for every h. Newton's step
``-H^-1 g`` is shortened by ``log(1 + d) / d``, d being the largest change of an exponent: along the step the second
derivative grows at most like ``exp(d x)``, so Psi falls all the way, by at least ``-<g, step>`` times
``((1 + d) log(1 + d) - d) / d^2``. A longer part of the step is taken only where Psi is lower still. So the method
converges from anywhere, and quadratically at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..oracles.errors import BadInput, TooLarge
from ..oracles.intrinsic.paths.recover import Recovered
from ..oracles.intrinsic.paths.wiring import Piece, Wiring, wiring
from ..oracles.models import PathLifting
from ._trajectory import Floats
from .fields import FloatArray, gamma

if TYPE_CHECKING:
    from flint import arb

HIDDEN = 4_000
"""The largest number of hidden neurons: H is a dense matrix of doubles."""
_STEPS = 1_000


@dataclass(frozen=True, slots=True)
class FloatSquares:
    """What Newton's method ends with.

    Attributes:
        squares: ``theta_e^2``, shape (D,).
        errors: bounds ``|log(true square / square)|`` for each edge, shape (D,); see ``Balances.errors``.
        residual: the largest ``|(C theta^2 - h)_v|``, divided by the largest sum of absolute terms of a neuron.
        changes: the largest change of an exponent in each Newton step before it is shortened.
    """

    squares: FloatArray
    errors: FloatArray
    residual: float
    changes: tuple[float, ...]


class Balances:
    """The laws of a network, or of a part of it, as functions of the squares.

    Args:
        tails, heads: the hidden neuron at each end of every edge, shape (D,); -1 at sources and outputs.
        hidden: how many hidden neurons there are.

    Raises:
        TooLarge: more than ``HIDDEN`` of them.
    """

    def __init__(self, tails: NDArray[np.intp], heads: NDArray[np.intp], hidden: int) -> None:
        if hidden > HIDDEN:
            raise TooLarge(f"Squares are recovered for at most {HIDDEN} hidden neurons; this network has {hidden}.")
        self.hidden = hidden
        self.edges = len(tails)
        self._tails, self._heads = np.where(tails < 0, hidden, tails), np.where(heads < 0, hidden, heads)
        self._inner = np.flatnonzero((tails >= 0) & (heads >= 0))
        self._places = self._tails[self._inner] * hidden + self._heads[self._inner]
        degrees = np.bincount(self._tails, minlength=hidden + 1) + np.bincount(self._heads, minlength=hidden + 1)
        self._fan = int(degrees[:hidden].max(initial=0))

    @staticmethod
    def of(model: PathLifting) -> Balances:
        """Those of a whole network, in the order of its parameters and of its laws."""
        return Balances.part(wiring(model))

    @staticmethod
    def part(wires: Wiring, piece: Piece | None = None) -> Balances:
        """Those of one piece; its edges and neurons in their order there."""
        tails, heads = (np.array(ends, dtype=np.intp) for ends in (wires.tails, wires.heads))
        if piece is None:
            return Balances(tails, heads, wires.hidden)
        edges = np.array(piece.edges, dtype=np.intp)
        local = np.full(wires.hidden + 1, -1, dtype=np.intp)
        local[np.array(piece.neurons, dtype=np.intp)] = np.arange(len(piece.neurons))
        return Balances(local[tails[edges]], local[heads[edges]], len(piece.neurons))  # the end -1 reads the last -1

    def values(self, squares: FloatArray, *, out: float = -1.0) -> FloatArray:
        """``C squares``, shape (hidden,); with ``out=1`` the sums of absolute terms."""
        size = self.hidden + 1
        entering = np.bincount(self._heads, weights=squares, minlength=size)
        leaving = np.bincount(self._tails, weights=squares, minlength=size)
        return np.asarray((entering + out * leaving)[: self.hidden])

    def hessian(self, squares: FloatArray) -> FloatArray:
        """``2 C diag(squares) C^T``, shape (hidden, hidden): positive definite, off the diagonal not positive."""
        inner = np.bincount(self._places, weights=squares[self._inner], minlength=self.hidden**2)
        coupled = inner.reshape(self.hidden, self.hidden)
        matrix = -2.0 * (coupled + coupled.T)
        matrix[np.diag_indices(self.hidden)] += 2.0 * self.values(squares, out=1.0)
        return np.asarray(matrix, dtype=np.float64)

    def changes(self, values: FloatArray) -> FloatArray:
        """``C^T values``, shape (D,)."""
        grounded = np.append(values, 0.0)
        return np.asarray(grounded[self._heads] - grounded[self._tails])

    def recover(self, logs: Floats, laws: Floats) -> FloatSquares:
        """As ``solve``, with bounds of the errors and the changes that the steps made."""
        start, wanted = np.asarray(logs, dtype=np.float64), np.asarray(laws, dtype=np.float64)
        t, made = self._minimiser(start, wanted)
        return self._judged(start, t, wanted, tuple(made))

    def solve(self, logs: Floats, laws: Floats) -> FloatArray:
        """The squares with the ``|z|`` of those whose logarithms are given, and the given laws; shape (D,).

        Args:
            logs: ``log q_e``, shape (D,), of any parameter without zeros that has the right ``|z|``.
            laws: ``h_v``, shape (hidden,).

        Raises:
            BadInput: numbers that are not finite, or squares that over- or underflow on the way.
        """
        start, wanted = np.asarray(logs, dtype=np.float64), np.asarray(laws, dtype=np.float64)
        return self._squares(start, self._minimiser(start, wanted)[0])

    def _minimiser(self, start: FloatArray, wanted: FloatArray) -> tuple[FloatArray, list[float]]:
        if not (np.isfinite(start).all() and np.isfinite(wanted).all()):
            raise BadInput("Squares can be recovered only from finite logarithms: without zero weights.")
        t = np.zeros(self.hidden)
        made: list[float] = []
        for _ in range(_STEPS):
            last = made[-1] if made else np.inf
            squares = self._squares(start, t)
            step = -self._solved(squares, self.values(squares) - wanted)
            d = float(np.abs(2 * self.changes(step)).max(initial=0.0))
            made.append(d)
            # convergence is quadratic: at 2^-26 the next step ends it; if d no longer falls, rounding ended it
            if d <= 2.0**-26 or (d < 0.01 and d > last / 2):
                return (t + step if d < last / 2 else t), made
            t = t + step * self._length(start, wanted, t, step, d)
        raise BadInput(f"The squares were not reached in {_STEPS} steps: the weights differ too much in size.")

    def _length(self, start: FloatArray, wanted: FloatArray, t: FloatArray, step: FloatArray, d: float) -> float:
        """``log(1 + d) / d``, or a longer part of the step, up to all of it, if Psi is lower there."""
        safe = float(np.log1p(d) / d)
        if d < 2.0**-7:  # the difference does not pay, and drowns in rounding
            return safe

        def value(length: float) -> float:
            at = t + length * step
            with np.errstate(over="ignore"):
                return float(np.exp(start + 2.0 * self.changes(at)).sum() / 2.0 - wanted @ at)

        return min((safe, (1.0 + safe) / 2.0, 1.0), key=value)

    def errors(self, squares: FloatArray, laws: FloatArray, slack: float = 0.0) -> FloatArray:
        """Bounds of ``|log(true square / square)|``, shape (D,): infinite where none was found.

        With ``E = g^T H^-1 g`` it is at most ``4 sqrt(c_e^T H^-1 c_e E)`` as long as that is at most 1/2 for every edge
        (proof in ``oracles/intrinsic/paths/recover.py``), and ``sqrt(c_e^T H^-1 c_e)`` is at most
        ``1 / (sqrt(2) |theta_e|)`` and at most the sum of ``sqrt((H^-1)_vv)`` over the ends. g is known up to
        ``gamma(n)`` times the sum of its absolute terms, n being the largest number of terms; H^-1 has no negative
        entries, so absolute values bound E. E itself is computed in floats, which the factor 2 pays for as long as H is
        far from singular to rounding.

        Args:
            squares, laws: as returned by and given to ``recover``.
            slack: how far the logarithms of the squares are from ``log q + 2 C^T t`` for any t.
        """
        terms = self.values(squares, out=1.0) + np.abs(laws)
        defects = np.abs(self.values(squares) - laws) + (gamma(self._fan + 4) + 2 * slack) * terms
        inverse = np.abs(np.linalg.inv(self.hessian(squares)))
        energy = 2.0 * float(defects @ inverse @ defects)
        ends = np.append(np.sqrt(np.diag(inverse)), 0.0)
        reach = np.minimum(ends[self._heads] + ends[self._tails], np.sqrt(0.5 / squares))
        touching = (self._tails < self.hidden) | (self._heads < self.hidden)
        bound = np.where(touching, 4.0 * reach * np.sqrt(energy), 0.0)
        return slack + (bound if float(bound.max(initial=0.0)) <= 0.5 else np.where(touching, np.inf, 0.0))

    def _judged(self, logs: FloatArray, t: FloatArray, laws: FloatArray, changes: tuple[float, ...]) -> FloatSquares:
        squares = self._squares(logs, t)
        scale = float((self.values(squares, out=1.0) + np.abs(laws)).max(initial=0.0))
        off = float(np.abs(self.values(squares) - laws).max(initial=0.0))
        # the exponent has three terms, of which the logarithm is rounded twice and carries the rounding of the weight;
        # exp is right to two units
        sizes = np.append(np.abs(t), 0.0)
        exponents = np.abs(logs) + 2.0 * (sizes[self._heads] + sizes[self._tails])
        slack = gamma(4) * float(exponents.max(initial=0.0)) + gamma(6)
        return FloatSquares(squares, self.errors(squares, laws, slack), off / scale if scale else 0.0, changes)

    def _squares(self, logs: FloatArray, t: FloatArray) -> FloatArray:
        with np.errstate(over="ignore", under="ignore"):
            squares = np.exp(logs + 2.0 * self.changes(t))
        if not np.isfinite(squares).all() or not squares.all():
            raise BadInput("A square over- or underflows: the weights differ too much in size for floats.")
        return np.asarray(squares)

    def _solved(self, squares: FloatArray, right: FloatArray) -> FloatArray:
        return np.asarray(np.linalg.solve(self.hessian(squares), right), dtype=np.float64)


def recover(model: PathLifting, point: Floats | Sequence[float], laws: Floats | Sequence[float]) -> FloatSquares:
    """The squares of the parameters that have the ``|z|`` of ``point`` and the given laws.

    Args:
        model: any path lifting.
        point: any parameter without zeros with the right ``|z|``, shape (D,).
        laws: ``h_v`` for each hidden neuron; any numbers.

    Raises:
        BadInput: wrong lengths, a zero weight, or sizes that floats do not reach.
        TooLarge: more than ``HIDDEN`` hidden neurons.
    """
    theta, wanted = np.asarray(point, dtype=np.float64), np.asarray(laws, dtype=np.float64)
    if theta.shape != (model.parameters,) or wanted.shape != (model.hidden,):
        raise BadInput(
            f"{model.spec} has {model.parameters} parameters and {model.hidden} laws; the shapes {theta.shape} and "
            f"{wanted.shape} were given."
        )
    if not theta.all():
        raise BadInput(
            f"Parameter {int(np.argmin(np.abs(theta)))} is 0. Squares can be recovered without zero weights."
        )
    return Balances.of(model).recover(2.0 * np.log(np.abs(theta)), wanted)


class PathLogs:
    """``log q_e`` of a parameter with given ``|z|``: least squares of ``(paths x edges) log|theta| = log|z|``.

    The kernel of the incidence matrix P is the range of C^T, so the shortest solution x is that of
    ``(P^T P + C^T C) x = P^T log|z|``, whose matrix is positive definite: no rank has to be guessed.

    Args:
        incidence: P, zeros and ones, shape (paths, edges).
        balances: gives C.
    """

    def __init__(self, incidence: FloatArray, balances: Balances) -> None:
        signs = np.array([balances.changes(unit) for unit in np.eye(balances.hidden)]).reshape(balances.hidden, -1)
        self._incidence = incidence
        inverse = np.linalg.inv(incidence.T @ incidence + signs.T @ signs)
        self._inverse: FloatArray = np.asarray(2.0 * inverse, dtype=np.float64)

    def __call__(self, z: Floats) -> FloatArray:
        return np.asarray(self._inverse @ (self._incidence.T @ np.log(np.abs(z))))


def square_balls(recovered: Recovered) -> list[arb]:
    """Each exactly enclosed square as a ball, rounded outwards to the working precision of python-flint."""
    from flint import arb, fmpq

    balls: list[arb] = []
    for edge in range(len(recovered.squares)):
        low, high = (arb(fmpq(x.numerator, x.denominator)) for x in recovered.bounds(edge))
        balls.append(low.union(high))
    return balls


def metric_balls(paths: Sequence[Sequence[int]], z: Sequence[Fraction], recovered: Recovered) -> list[list[arb]]:
    """``M_pq = z_p z_q sum_(e in p and q) 1 / theta_e^2`` as balls that contain the true values, shape (d, d)."""
    from flint import arb, fmpq

    squares = square_balls(recovered)
    exact = [fmpq(x.numerator, x.denominator) for x in z]
    edges = [set(path) for path in paths]

    def entry(p: int, q: int) -> arb:
        return sum((1 / squares[e] for e in sorted(edges[p] & edges[q])), arb(0)) * arb(exact[p] * exact[q])

    return [[entry(p, q) for q in range(len(paths))] for p in range(len(paths))]
