"""Completeness: four ways to prove that a set of laws is the whole set. Proofs in docs/rules.md.

Each rule returns the number of independent laws near a generic point. The sandwich behind them: values of brackets are
orthogonal to gradients of laws at every point, so their generic ranks over Q add up to at most D; two modular ranks
that add up to D therefore are the generic ranks (A0.rank-certificate).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement, pairwise

import numpy as np

from ._flow import brackets
from ._models import DENSE_LIMIT, Form, Linear, Paths, gradient_at
from ._modular import PRIME_LIMIT, Residues, is_prime, rank
from ._polynomial import Polynomial, Rational
from ._read import Rejected, array, closed, integer, integers, rational

ORDERS_LIMIT = 200
WORK_LIMIT = 4 * 10**11
"""Multiplications that one certificate may ask for."""
CELLS_LIMIT = 6 * 10**7
"""Entries of one matrix of gradients."""
MATRIX_LIMIT = 200
"""Parameters of a model whose linear fields are written out as matrices."""
_CHUNK = 2**21
_EVIDENCE = ("prime", "point", "controls", "orders", "rows", "columns")

Law = Mapping[str, object] | Polynomial


def dense(form: Form, laws: Iterable[Law], witness: Mapping[str, object]) -> int:
    """The sandwich itself at written-out points, no structure used."""
    found = closed(witness, "the witness", "rule", *_EVIDENCE)
    if form.parameters > DENSE_LIMIT:
        raise Rejected(f"a dense certificate covers at most {DENSE_LIMIT} parameters")
    prime = _prime(found["prime"])
    gradients = law_gradients(form, laws, _point(found["point"], form.parameters), prime)
    law_rank = rank(gradients, prime)
    reached = _bracket_rank(form, found, prime)
    if reached + law_rank != form.parameters:
        raise Rejected(
            f"brackets reach rank {reached} and laws rank {law_rank}: "
            f"together {reached + law_rank}, not the {form.parameters} parameters"
        )
    return law_rank


def law_gradients(form: Form, laws: Iterable[Law], point: Residues, prime: int) -> Residues:
    """The gradients of all laws at ``point`` modulo ``prime``, one a row."""
    rows = [np.zeros((0, form.parameters), dtype=np.int64)]
    for law in laws:
        if isinstance(law, Polynomial):
            rows.append(gradient_at(law, point.tolist(), form.parameters, prime))
        else:
            rows.append(form.family(law, point, prime))
        if sum(map(len, rows)) * form.parameters > CELLS_LIMIT:
            raise Rejected("the law gradients fill more memory than the kernel is willing to take")
    return np.concatenate(rows)


def _prime(value: object) -> int:
    prime = integer(value, "the prime", 2, PRIME_LIMIT)
    if not is_prime(prime):
        raise Rejected(f"{prime} is not a prime")
    return prime


def _point(value: object, size: int) -> Residues:
    return np.array(integers(value, "a point", least=-PRIME_LIMIT, most=PRIME_LIMIT, length=size), dtype=np.int64)


def _bracket_rank(form: Form, found: Mapping[str, object], prime: int) -> int:
    """The rank of the chosen brackets, restricted to the chosen columns."""
    dimension = form.dimension()
    orders = integer(found["orders"], "'orders'", 1, ORDERS_LIMIT)
    if orders >= prime:
        raise Rejected("the prime does not exceed the number of Taylor coefficients")
    start = _point(found["point"], form.parameters)
    controls: list[Residues] = []
    for entry in array(found["controls"], "controls", most=64):
        powers = array(entry, "a control", least=1, most=orders)
        span = {"least": -PRIME_LIMIT, "most": PRIME_LIMIT, "length": dimension}
        controls.append(np.array([integers(power, "a control", **span) for power in powers], dtype=np.int64))
    rows: dict[int, dict[int, list[int]]] = {}
    count = 0
    for entry in array(found["rows"], "rows", most=form.parameters):
        control, order, generator = integers(entry, "a row", least=0, most=max(dimension, ORDERS_LIMIT, 64), length=3)
        if control >= len(controls) or order >= orders or generator >= dimension:
            raise Rejected("a row names a control, an order or a generator that is not there")
        rows.setdefault(control, {}).setdefault(generator, []).append(order)
        count += 1
    columns = array(found["columns"], "columns", most=form.parameters)
    chosen = integers(columns, "columns", least=0, most=form.parameters - 1, length=len(columns))
    if len(set(chosen)) != len(chosen):
        raise Rejected("a column is listed twice")
    widest = max((len(generators) for generators in rows.values()), default=0)
    if widest * form.parameters * orders**3 * 16 + count**2 * len(chosen) > WORK_LIMIT:
        raise Rejected("the certificate asks for more work than the kernel is willing to do")
    program = form.program(prime)
    picked: list[Residues] = []
    for control, generators in rows.items():
        names = list(generators)
        size = max(1, _CHUNK // (form.parameters * orders))
        for low in range(0, len(names), size):
            part = names[low : low + size]
            last = 1 + max(max(generators[name]) for name in part)
            for order, values in enumerate(brackets(program, start, controls[control], part, last, prime)):
                mine = [i for i, name in enumerate(part) for wanted in generators[name] if wanted == order]
                picked.append(values[np.ix_(mine, chosen)])
    return rank(np.concatenate(picked), prime) if picked else 0


def paths(form: Form, laws: Iterable[Law], witness: Mapping[str, object]) -> int:
    """Path liftings: the span of all path indicators has rank D minus the number of hidden neurons."""
    closed(witness, "the witness", "rule")
    if not isinstance(form, Paths) or list(laws) != [{"family": "neuron-balance"}]:
        raise Rejected("the rule 'paths' is about path liftings and their neuron balances alone")
    return form.hidden


def local(form: Form, laws: Iterable[Law], witness: Mapping[str, object]) -> int:
    """Deep linear networks: every pair of chains lies in a small sub-network that passes the sandwich."""
    found = closed(witness, "the witness", "rule", "chains", "nets")
    if not isinstance(form, Linear) or form.zero_sum or list(laws) != [{"family": "balance"}]:
        raise Rejected("the rule 'local' is about deep linear networks and their balances alone")
    types: list[list[int]] = []
    counts: list[int] = []
    for entry in array(found["chains"], "chains", least=1, most=1000):
        chain = closed(entry, "a chain", "widths", "count")
        types.append(integers(chain["widths"], "the widths of a chain", least=0, most=10**6, length=len(form.widths)))
        counts.append(integer(chain["count"], "the count of a chain", 1, 10**6))
    for layer, width in enumerate(form.widths):
        if sum(n * widths[layer] for n, widths in zip(counts, types, strict=True)) != width:
            raise Rejected(f"the chains do not make up the {width} neurons of layer {layer}")
    alone: dict[int, int] = {}
    together: dict[tuple[int, int], int] = {}
    for entry in array(found["nets"], "nets", least=1, most=20_000):
        _net(entry, types, counts, alone, together)
    total = 0
    for a, n in enumerate(counts):
        if a not in alone or (n > 1 and (a, a) not in together):
            raise Rejected(f"no sub-network covers the chains of type {a}")
        total += n * alone[a] + n * (n - 1) // 2 * together.get((a, a), 0)
        for b in range(a + 1, len(counts)):
            if (a, b) not in together:
                raise Rejected(f"no sub-network covers the chains of types {a} and {b} together")
            total += n * counts[b] * together[a, b]
    return total


def _net(
    entry: object,
    types: list[list[int]],
    counts: list[int],
    alone: dict[int, int],
    together: dict[tuple[int, int], int],
) -> None:
    """Checks one sub-network by the sandwich; notes the laws inside each chain and between each pair of chains."""
    found = closed(entry, "a sub-network", "members", *_EVIDENCE)
    members_read = array(found["members"], "members", least=1, most=16)
    members = [integer(member, "a member", 0, len(types) - 1) for member in members_read]
    for member, times in Counter(members).items():
        if times > counts[member]:
            raise Rejected("a sub-network uses more chains of a type than there are")
    widths = [sum(types[member][layer] for member in members) for layer in range(len(types[0]))]
    if min(widths) < 1 or max(widths) > 1000:
        raise Rejected("a layer of a sub-network has no neuron, or more than a thousand")
    net = Linear({"widths": list(widths), "output": "all"})
    if net.parameters > DENSE_LIMIT:
        raise Rejected("a sub-network is too large")
    prime = _prime(found["prime"])
    point = _point(found["point"], net.parameters)
    labels = [
        np.repeat(np.arange(len(members)), [types[member][layer] for member in members]) for layer in range(len(widths))
    ]
    across = np.concatenate([(a[:, None] != b[None, :]).ravel() for a, b in pairwise(labels)])
    if point[across].any():
        raise Rejected("the point of a sub-network joins two chains")
    rows: list[Residues] = [np.zeros((0, net.parameters), dtype=np.int64)]
    ends: list[Residues] = [np.zeros((2, 0), dtype=np.int64)]
    for layer in range(1, len(widths) - 1):
        rows.append(net.balance(layer, point, prime))
        ends.append(np.sort([labels[layer][index] for index in np.triu_indices(widths[layer])], axis=0))
    gradients, pairs = np.concatenate(rows), np.concatenate(ends, axis=1)
    law_rank = 0
    for a, b in combinations_with_replacement(range(len(members)), 2):
        found_rank = rank(gradients[(pairs[0] == a) & (pairs[1] == b)], prime)
        law_rank += found_rank
        low, high = sorted((members[a], members[b]))
        known = alone.setdefault(low, found_rank) if a == b else together.setdefault((low, high), found_rank)
        if known != found_rank:
            raise Rejected(f"two sub-networks disagree on the laws of chains of types {low} and {high}")
    reached = _bracket_rank(net, found, prime)
    if reached + law_rank != net.parameters:
        raise Rejected(
            f"a sub-network of widths {widths} reaches rank {reached} by brackets and {law_rank} by laws, "
            f"not its {net.parameters} parameters"
        )


def involutive(form: Form, laws: Iterable[Law], witness: Mapping[str, object]) -> int:
    """W lies in a family of k fields closed under brackets, and brackets reach rank k: Frobenius gives D - k laws.

    The family is either one field alone, or linear fields ``B theta`` whose matrices span a Lie algebra over Q.
    """
    found = closed(witness, "the witness", "rule", "basis", *_EVIDENCE)
    if form.parameters > MATRIX_LIMIT:
        raise Rejected(f"the rule 'involutive' covers at most {MATRIX_LIMIT} parameters")
    basis = [_matrix(entry, form.parameters) for entry in array(found["basis"], "the basis", most=64)]
    bound = len(basis)
    if bound or form.dimension() != 1:
        _check_closed(form, basis)
    else:
        bound = 1
    reached = _bracket_rank(form, found, _prime(found["prime"]))
    if reached != bound:
        raise Rejected(f"brackets reach rank {reached}, not the {bound} fields of the family")
    return form.parameters - bound


Matrix = dict[tuple[int, int], Rational]


def _matrix(value: object, size: int) -> Matrix:
    out: Matrix = {}
    for entry in array(value, "a matrix", most=size * size):
        row, column, number = array(entry, "an entry of a matrix", least=3, most=3)
        key = integer(row, "a row", 0, size - 1), integer(column, "a column", 0, size - 1)
        if key in out:
            raise Rejected("an entry of a matrix is listed twice")
        out[key] = rational(number, "an entry of a matrix")
    return out


def _check_closed(form: Form, basis: Sequence[Matrix]) -> None:
    echelon: dict[tuple[int, int], Matrix] = {}
    for matrix in basis:
        rest = _reduced(matrix, echelon)
        if not rest:
            raise Rejected("the matrices of the basis are not independent")
        pivot = min(rest)
        echelon[pivot] = {key: Fraction(value) / rest[pivot] for key, value in rest.items()}
    for index in range(form.dimension()):
        coordinate = form.coordinate(index)
        if any(sum(e for _, e in monomial) != 2 for monomial in coordinate.terms):
            raise Rejected("the rule 'involutive' needs quadratic coordinates, or a single one")
        hessian: Matrix = {}
        for monomial, c in coordinate.terms.items():
            ends = [v for v, e in monomial for _ in range(e)]
            for key in (tuple(ends), tuple(reversed(ends))):
                hessian[key[0], key[1]] = hessian.get((key[0], key[1]), 0) + c
        if _reduced(hessian, echelon):
            raise Rejected(f"the field of coordinate {index} is not in the span of the basis")
    for a, left in enumerate(basis):
        for right in basis[:a]:
            if _reduced(_commutator(left, right), echelon):
                raise Rejected("the basis is not closed under brackets")


def _reduced(matrix: Matrix, echelon: Mapping[tuple[int, int], Matrix]) -> Matrix:
    rest = {key: value for key, value in matrix.items() if value}
    for pivot, row in echelon.items():
        factor = rest.get(pivot, 0)
        if factor:
            for key, value in row.items():
                rest[key] = rest.get(key, 0) - factor * value
            rest = {key: value for key, value in rest.items() if value}
    return rest


def _commutator(left: Matrix, right: Matrix) -> Matrix:
    out: Matrix = {}
    for sign, first, second in ((1, left, right), (-1, right, left)):
        for (i, j), a in first.items():
            for (k, m), b in second.items():
                if j == k:
                    out[i, m] = out.get((i, m), 0) + sign * a * b
    return out


RULES = {"dense": dense, "paths": paths, "local": local, "involutive": involutive}
