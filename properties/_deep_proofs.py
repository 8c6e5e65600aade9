"""Certificates about products of layers: the lifted flow, relaxed balance, and exact points of both ways.

Layers are counted from the output, ``phi = U_1 ... U_L``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from ._deep_flow import FlowCase, identity_matrix, lifted, product, scaled_identity
from ._theorem import Skipped

if TYPE_CHECKING:
    from flint import fmpq_mat

    from ..oracles.certificates import Certificate
    from ..oracles.models import Model
    from ..oracles.polynomials import Rational
    from ..oracles.proofs import Matrix, Node


def tree_gradients(layers: Sequence[Matrix], G: Matrix) -> list[Matrix]:
    """``P_k^T G Q_k^T``, the gradient with respect to each layer, as trees."""
    found: list[Matrix] = []
    for k in range(len(layers)):
        part = G
        for layer in layers[:k]:
            part = layer.T @ part
        for layer in reversed(layers[k + 1 :]):
            part = part @ layer.T
        found.append(part)
    return found


def tree_lifted(layers: Sequence[Matrix], G: Matrix) -> list[Matrix]:
    """The terms ``P_k P_k^T G Q_k^T Q_k`` of ``-Z'`` as trees."""
    found: list[Matrix] = []
    for k, part in enumerate(tree_gradients(layers, G)):
        whole = part
        for layer in reversed(layers[:k]):
            whole = layer @ whole
        for layer in layers[k + 1 :]:
            whole = whole @ layer
        found.append(whole)
    return found


def added(parts: Sequence[Matrix]) -> Matrix:
    """The sum of matrices of trees."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def example_values(case: FlowCase, swapped: bool = False) -> Certificate:
    """The theorem in exact numbers, at one point.

    Variables are the parameters, G, the singular vectors a_i and b_i, the roots x_i and the balances. The kernel is
    told the values of: the products ``<a_i, a_j>`` and ``<b_i, b_j>``; the balances; ``Z Z^T`` and
    ``sum_i prod_l (x_i - tau_l) a_i a_i^T``, which agree; the flow of all layers and the closed form, which agree.

    Args:
        case: the point.
        swapped: a mutant: the shifts are summed from the wrong end.
    """
    from ..oracles.proofs import Matrix, values

    made, (n, m) = case.made, case.shape
    r, depth = len(made.roots), len(case.layers)
    numbers: list[Rational] = []

    def variables(entries: Sequence[Rational], rows: int, columns: int) -> Matrix:
        start = len(numbers)
        numbers.extend(entries)
        return Matrix.symbols(rows, columns, start)

    layers: list[Matrix] = []
    offset = 0
    for rows, columns in pairwise(case.widths):
        layers.append(variables(made.point[offset : offset + rows * columns], rows, columns))
        offset += rows * columns
    G = variables(case.G, n, m)
    a = variables([x for row in made.left for x in row], r, n)
    b = variables([x for row in made.right for x in row], r, m)
    x = variables(made.roots, r, 1)
    order = list(variables(made.mus, 1, len(made.mus)).rows[0])
    gaps = _gap_trees(x, order[::-1] if swapped else order)

    eye = identity_matrix(r)
    Z = product(case.layers)
    flow = lifted(case.layers, case.slope)
    terms: list[Matrix] = []
    for k in range(depth):
        left = _spectral_tree(a, [row[:k] for row in gaps]) @ G if k else G
        terms.append(left @ _spectral_tree(b, [row[k + 1 :] for row in gaps]) if k < depth - 1 else left)
    product_tree = layers[0]
    for layer in layers[1:]:
        product_tree = product_tree @ layer
    squared = Z * Z.transpose()
    pairs = [*_pairs(a @ a.T, eye), *_pairs(b @ b.T, eye)]
    for j, (U, V) in enumerate(pairwise(layers)):
        width = U.shape[1]
        balance = U.T @ U - V @ V.T
        pairs += _pairs(balance, scaled_identity(made.mus[j], width))
    pairs += [*_pairs(product_tree @ product_tree.T, squared), *_pairs(_spectral_tree(a, gaps), squared)]
    pairs += [*_pairs(added(tree_lifted(layers, G)), flow), *_pairs(added(terms), flow)]
    return values(numbers, pairs)


def _gap_trees(x: Matrix, mus: Sequence[Node]) -> list[list[Node]]:
    """``x_i - tau_l`` as trees."""
    from ..oracles.proofs import add, subtract

    return [[subtract(row[0], add(*mus[:k])) for k in range(len(mus) + 1)] for row in x.rows]


def _spectral_tree(directions: Matrix, factors: Sequence[Sequence[Node]]) -> Matrix:
    """``sum_i prod(factors_i) a_i a_i^T`` as trees."""
    from ..oracles.proofs import Matrix, add, multiply

    size = directions.shape[1]
    rows = directions.rows
    return Matrix.build(
        size,
        size,
        lambda p, q: add(
            *(multiply(*gaps, row[p], row[q]) for gaps, row in zip(factors, rows, strict=True)),
        ),
    )


def _pairs(trees: Matrix, numbers: fmpq_mat) -> list[tuple[Node, Rational]]:
    from ..oracles.intrinsic.linear.chains import fraction

    return [(tree, fraction(numbers[i, j])) for i, row in enumerate(trees.rows) for j, tree in enumerate(row)]


def defect_identity(*, relaxed: bool, wrong: bool = False) -> Certificate:
    """``Z Z^T = B (B - mu_1)(B - mu_1 - mu_2)`` up to terms with a factor ``E_j``, for three free 2 x 2 layers.

    ``E_j = U_j^T U_j - U_(j+1) U_(j+1)^T - mu_j I`` is how far the balance is from relaxed, ``B = U_1 U_1^T`` and
    ``T = U_1^T U_1 - mu_1``. Both sides are the same polynomial whether or not any E vanishes.

    Args:
        relaxed: with mu_1 and mu_2 as variables; else both are 0.
        wrong: a mutant: the first shift has the wrong sign.
    """
    from ..oracles.proofs import Matrix, identity, multiply, symbol

    U1, U2, U3 = (Matrix.symbols(2, 2, 4 * k) for k in range(3))
    mus = (symbol(12), symbol(13)) if relaxed else (0, 0)
    eye = Matrix.build(2, 2, lambda i, j: int(i == j))
    first, second = (eye.scaled(mu) for mu in mus)
    E1 = U1.T @ U1 - U2 @ U2.T - first
    E2 = U2.T @ U2 - U3 @ U3.T - second
    B, T = U1 @ U1.T, U1.T @ U1 - first
    Z = U1 @ U2 @ U3
    shift = eye.scaled(multiply(-1, mus[0])) if wrong else first
    defects = U1 @ (E1 @ (T - second) + T @ E1 - E1 @ E1) @ U1.T + U1 @ U2 @ E2 @ U2.T @ U1.T
    return identity(14, (Z @ Z.T).equals(B @ (B - shift) @ (B - first - second) - defects))


def telescope(depth: int) -> Certificate:
    """``(x - y) sum_k prod_(l<k) (x - tau_l) prod_(l>k) (y - tau_l) = prod_l (x - tau_l) - prod_l (y - tau_l)``."""
    from ..oracles.proofs import add, identity, multiply, subtract, symbol

    x, y = symbol(0), symbol(1)
    at_x, at_y = ([subtract(z, symbol(2 + k)) for k in range(depth)] for z in (x, y))
    total = add(*(multiply(*at_x[:k], *at_y[k + 1 :]) for k in range(depth)))
    return identity(2 + depth, [(multiply(subtract(x, y), total), subtract(multiply(*at_x), multiply(*at_y)))])


def chain_rule(depth: int, widths: Sequence[int] | None = None) -> Certificate:
    """Along ``U_k' = -P_k^T G Q_k^T`` the product moves by ``-sum_k P_k P_k^T G Q_k^T Q_k``: free entries."""
    from ..oracles.proofs import Matrix, identity

    sizes = list(widths or [2] * (depth + 1))
    layers: list[Matrix] = []
    count = 0
    for rows, columns in pairwise(sizes):
        layers.append(Matrix.symbols(rows, columns, count))
        count += rows * columns
    G = Matrix.symbols(sizes[0], sizes[-1], count)
    count += sizes[0] * sizes[-1]
    moved: list[Matrix] = []
    for k, step in enumerate(tree_gradients(layers, G)):
        parts: list[Matrix] = [*layers[:k], step, *layers[k + 1 :]]
        whole = parts[0]
        for part in parts[1:]:
            whole = whole @ part
        moved.append(whole)
    return identity(count, added(moved).equals(added(tree_lifted(layers, G))))


def violation_at(model: Model, point: Sequence[Rational]) -> Certificate:
    """A direction that neither phi nor the laws see, and an entry of M that changes along it (A3.kernel-criterion).

    Raises:
        Skipped: there is none at this point.
    """
    from ..oracles.models import known_laws
    from ..oracles.polynomials import orthogonality
    from ..oracles.proofs import kernel_vectors, violation

    coordinates = model.coordinates()
    laws = [law for family in known_laws(model) for law in family.polynomials()]
    rows: list[list[Rational]] = []
    for polynomial in (*coordinates, *laws):
        slopes = polynomial.gradient()
        rows.append([slopes[k].evaluate(point) if k in slopes else 0 for k in range(model.parameters)])
    for vector in kernel_vectors(rows):
        for i in range(len(coordinates)):
            for j in range(i + 1):
                slopes = orthogonality(coordinates[i], coordinates[j]).gradient()
                change = sum((Fraction(s.evaluate(point)) * vector[k] for k, s in slopes.items()), Fraction(0))
                if change:
                    return violation(model, None, point, vector, (j, i), change)
    raise Skipped("the kernel inclusion holds at this point")
