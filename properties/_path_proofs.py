"""Certificates on path liftings: metrics, rescalings, Hessians and closed forms as identities and exact values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ._path_flow import Start, incidence, metric_polynomials, node, paths_of, read, signs

if TYPE_CHECKING:
    from ..oracles.certificates import Certificate
    from ..oracles.proofs import Matrix, Node

F = Fraction


def metric_identity(spec: str, *, joint: bool = True) -> Certificate:
    """``prod_(e shared) theta_e^2 M_pq = phi_p phi_q sum_e prod_(f shared, not e) theta_f^2`` for all pairs of paths.

    Without ``joint`` the edges of both paths take the place of the shared ones: wrong.
    """
    from ..oracles.proofs import add, identity, multiply, power, symbol

    model = read(spec)
    paths, found = [set(path) for path in paths_of(model)], metric_polynomials(model)
    pairs: list[tuple[Node, Node]] = []
    for p, first in enumerate(paths):
        for q, second in enumerate(paths[: p + 1]):
            edges = sorted(first & second if joint else first | second)
            inverse = add(*(multiply(*(power(symbol(f), 2) for f in edges if f != e)) for e in edges))
            phi = multiply(*(symbol(e) for e in sorted(first)), *(symbol(e) for e in sorted(second)))
            left = multiply(*(power(symbol(e), 2) for e in edges), node(found[p][q]))
            pairs.append((left, multiply(phi, inverse)))
    return identity(model.parameters, pairs)


def telescope(spec: str, *, forget_bias: bool = False) -> Certificate:
    """For each path ``prod w_e c_head = prod w_e c_tail`` of its numerators and denominators.

    Weights, or squares, are the symbols from 0 on; factors of hidden neurons follow. Wrong if biases are not rescaled.
    """
    from ..oracles.proofs import identity, multiply, symbol
    from ._path_network import CONSTANT, graph

    model = read(spec)
    known, size = graph(model), model.parameters
    heads, tails = known.wires.heads, known.wires.tails
    pairs: list[tuple[Node, Node]] = []
    for path in paths_of(model):
        kept = {e for e in path if forget_bias and tails[e] < 0 and known.inputs[e] == CONSTANT}
        above = [symbol(size + heads[e]) for e in path if heads[e] >= 0 and e not in kept]
        below = [symbol(size + tails[e]) for e in path if tails[e] >= 0]
        weights = [symbol(e) for e in path]
        pairs.append((multiply(*weights, *above), multiply(*weights, *below)))
    return identity(size + model.hidden, pairs)


def hessian_identity(spec: str, factor: int = 2) -> Certificate:
    """``x^T (2 C diag(s) C^T) x = factor sum_e s_e (x_v - x_u)^2``, the Hessian being that of the recovery."""
    from ..oracles.intrinsic.paths.recover import hessian
    from ..oracles.intrinsic.paths.wiring import wiring
    from ..oracles.proofs import add, identity, multiply, power, subtract, symbol

    model = read(spec)
    wires, size = wiring(model), model.parameters
    unit = [hessian(wires, [int(e == k) for e in range(size)]) for k in range(size)]  # the coefficient of each square
    x = [symbol(size + v) for v in range(model.hidden)]
    left = add(
        *(
            multiply(symbol(e), x[u], x[v], unit[e][u][v])
            for e in range(size)
            for u in range(model.hidden)
            for v in range(model.hidden)
            if unit[e][u][v]
        )
    )
    right: list[Node] = []
    for e, (tail, head) in enumerate(zip(wires.tails, wires.heads, strict=True)):
        change = subtract(x[head] if head >= 0 else 0, x[tail] if tail >= 0 else 0)
        right.append(multiply(factor, symbol(e), power(change, 2)) if change else 0)
    return identity(size + model.hidden, [(left, add(*right))])


def circulation(spec: str) -> Certificate:
    """``C w = 0`` for the numbers w of paths through the edges, and their values."""
    from ..oracles.proofs import add, multiply, symbol, values

    model = read(spec)
    w = [sum(column) for column in zip(*incidence(model), strict=True)]
    sums = [(add(*(multiply(c, symbol(e)) for e, c in enumerate(row) if c)), 0) for row in signs(model)]
    return values(w, sums + [(symbol(e), count) for e, count in enumerate(w)])


def exact_solution() -> Certificate:
    """The ratios of the scalar chain, as values of the two equations at (r1, 1/r1, r2, 1/r2)."""
    from ..oracles.proofs import add, multiply, symbol, values

    a, a_inverse, b, b_inverse = map(symbol, range(4))
    squares = (multiply(36, a), multiply(b, a_inverse), b_inverse)
    laws = [add(squares[k], multiply(-1, squares[k + 1])) for k in range(2)]
    point = (F(1, 36), 36, F(1, 9), 9)
    pairs = [*zip(squares, (1, 4, 9), strict=True), *zip(laws, (-3, -5), strict=True)]
    return values(point, [*pairs, (multiply(a, a_inverse), 1), (multiply(b, b_inverse), 1)])


def enclosure(start: Start, laws: tuple[Fraction, Fraction]) -> Certificate:
    """Two neurons in a row: F, H y = F and E = F y as values at the squares and y, and paths of the right size."""
    from ..oracles.intrinsic.paths.recover import hessian, recover_squares, squares_of
    from ..oracles.intrinsic.paths.wiring import wiring
    from ..oracles.proofs import add, multiply, subtract, symbol, values

    model = start.model
    wires = wiring(model)
    found = recover_squares(model, squares_of(start.weights), laws, digits=12)
    assert not found.exact
    defects = [F(x) - h for x, h in zip(wires.balances(found.squares), laws, strict=True)]
    ((a, b), (_, d)) = hessian(wires, found.squares)
    det = F(a) * d - F(b) * b
    y = ((d * defects[0] - b * defects[1]) / det, (a * defects[1] - b * defects[0]) / det)
    energy = defects[0] * y[0] + defects[1] * y[1]
    s = [symbol(e) for e in range(model.parameters)]
    u, v = symbol(4), symbol(5)
    first = subtract(add(s[0], s[1]), add(s[2], laws[0]))
    second = subtract(s[2], add(s[3], laws[1]))
    return values(
        (*found.squares, *y),
        [
            (first, defects[0]),
            (second, defects[1]),
            (multiply(s[0], s[2], s[3]), F(1)),
            (multiply(s[1], s[2], s[3]), F(1)),
            (subtract(multiply(2, add(s[0], s[1], s[2]), u), multiply(2, s[2], v)), defects[0]),
            (subtract(multiply(2, add(s[2], s[3]), v), multiply(2, s[2], u)), defects[1]),
            (add(multiply(first, u), multiply(second, v)), energy),
        ],
    )


def _applied(spec: str, G: Sequence[Node]) -> list[Node]:
    """``dphi dphi^T G`` of a model, as expressions."""
    from ..oracles.proofs import add, multiply

    return [
        add(*(multiply(node(entry), g) for entry, g in zip(line, G, strict=True) if entry))
        for line in metric_polynomials(read(spec))
    ]


def metric_of_neuron(sign: int = 1) -> Certificate:
    """``dphi dphi^T G = u u^T G + sign G v v^T`` for relu:2-1-2+bias; coordinates and G in the order of its paths."""
    from ..oracles.proofs import Matrix, identity, symbol

    # parameters: v1, v2, b, u1, u2; paths: (v1 u1), (v1 u2), (v2 u1), (v2 u2), (b u1), (b u2)
    u, v = Matrix.symbols(2, 1, 3), Matrix.symbols(3, 1, 0)
    G = Matrix.build(2, 3, lambda i, j: symbol(5 + 2 * j + i))
    right = u @ (u.T @ G) + ((G @ v) @ v.T).scaled(sign)
    applied = _applied("relu:2-1-2+bias", [symbol(5 + k) for k in range(6)])
    return identity(11, Matrix.build(2, 3, lambda i, j: applied[2 * j + i]).equals(right))


def metric_of_row() -> Certificate:
    """The same for relu:2-1-1-1-2, multiplied by all squares."""
    from ..oracles.proofs import Matrix, add, identity, multiply, power, symbol

    # parameters: v1, v2, b, a, u1, u2; paths: (v1 u1), (v1 u2), (v2 u1), (v2 u2)
    u, v, b, a = Matrix.symbols(2, 1, 4), Matrix.symbols(2, 1, 0), symbol(2), symbol(3)
    G = Matrix.build(2, 2, lambda i, j: symbol(6 + 2 * j + i))
    Z = (u @ v.T).scaled(multiply(a, b))
    uu, vv, aa, bb = u.inner(u), v.inner(v), power(a, 2), power(b, 2)
    right: Matrix = (Z @ (Z.T @ G)).scaled(multiply(uu, aa, bb)) + ((G @ Z.T) @ Z).scaled(multiply(vv, aa, bb))
    right = right + Z.scaled(multiply(Z.inner(G), uu, vv, add(aa, bb)))
    applied = _applied("relu:2-1-1-1-2", [symbol(6 + k) for k in range(4)])
    left = Matrix.build(2, 2, lambda i, j: applied[2 * j + i]).scaled(multiply(uu, vv, aa, bb))
    return identity(10, left.equals(right))


def orthogonal_blocks() -> Certificate:
    """The inner products of gradients of paths through different neurons, for relu:2-2-2+bias."""
    from ..oracles.intrinsic.paths.wiring import pieces
    from ..oracles.proofs import identity

    model = read("relu:2-2-2+bias")
    owner = {edge: k for k, piece in enumerate(pieces(model)) for edge in piece.edges}
    paths, found = paths_of(model), metric_polynomials(model)
    return identity(
        model.parameters,
        [
            (node(found[i][j]), 0)
            for i, p in enumerate(paths)
            for j, q in enumerate(paths)
            if owner[p[0]] != owner[q[0]]
        ],
    )
