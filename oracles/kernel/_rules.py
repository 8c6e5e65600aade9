"""Completeness: four ways to prove that a set of laws is the whole set. Proofs in docs/rules.md.

Each rule returns the number of independent laws near a generic point. The sandwich behind them: values of brackets are
orthogonal to gradients of laws at every point, so their generic ranks over Q add up to at most D; two modular ranks
that add up to D therefore are the generic ranks (A0.rank-certificate).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, combinations_with_replacement, pairwise

import numpy as np

from ._exact import Work, common_denominator, words
from ._flow import brackets, cost
from ._models import DENSE_LIMIT, Form, Linear, Paths, check_fits, gradient_at, upper_pairs
from ._modular import PRIME_LIMIT, Residues, independent_columns, is_prime, rank
from ._polynomial import Polynomial, Rational
from ._read import Rejected, array, closed, integer, integers, rational

ORDERS_LIMIT = 200
WORK_LIMIT = 10**12
"""What the brackets and ranks of one certificate may cost, in tenths of a nanosecond."""
MATRIX_LIMIT = 200
"""Parameters of a model whose linear fields are written out as matrices."""
_CHUNK = 2**21
_EVIDENCE = ("prime", "point", "controls", "orders", "rows", "columns")

Law = Mapping[str, object] | Polynomial


def dense(form: Form, laws: Sequence[Law], witness: Mapping[str, object], work: Work) -> int:
    """The sandwich itself at written-out points, no structure used."""
    found = closed(witness, "the witness", "rule", *_EVIDENCE)
    if form.parameters > DENSE_LIMIT:
        raise Rejected(f"a dense certificate covers at most {DENSE_LIMIT} parameters")
    prime = _prime(found["prime"])
    gradients = law_gradients(form, laws, _point(found["point"], form.parameters), prime)
    effort = Work(WORK_LIMIT)
    effort.spend(gradients.size * min(gradients.shape))
    law_rank = rank(gradients, prime)
    reached = _bracket_rank(form, found, prime, effort)
    if reached + law_rank != form.parameters:
        raise Rejected(
            f"brackets reach rank {reached} and laws rank {law_rank}: "
            f"together {reached + law_rank}, not the {form.parameters} parameters"
        )
    return law_rank


def law_gradients(form: Form, laws: Sequence[Law], point: Residues, prime: int) -> Residues:
    """The gradients of all laws at ``point`` modulo ``prime``, one a row."""
    rows = [np.zeros((0, form.parameters), dtype=np.int64)]
    numbers: list[int] = point.tolist()
    count = 0
    for law in laws:
        if isinstance(law, Polynomial):
            rows.append(gradient_at(law, numbers, form.parameters, prime))
        else:
            rows.append(form.family(law, point, prime))
        count += len(rows[-1])
        check_fits(count, form.parameters)
    return np.concatenate(rows)


def _prime(value: object) -> int:
    prime = integer(value, "the prime", 2, PRIME_LIMIT)
    if not is_prime(prime):
        raise Rejected(f"{prime} is not a prime")
    return prime


def _point(value: object, size: int) -> Residues:
    return np.array(integers(value, "a point", least=-PRIME_LIMIT, most=PRIME_LIMIT, length=size), dtype=np.int64)


def _bracket_rank(form: Form, found: Mapping[str, object], prime: int, effort: Work) -> int:
    """The rank of the chosen brackets, restricted to the chosen columns."""
    dimension = form.dimension()
    orders = integer(found["orders"], "'orders'", 1, ORDERS_LIMIT)
    if orders >= prime:
        raise Rejected("the prime does not exceed the number of Taylor coefficients")
    start = _point(found["point"], form.parameters)
    check_fits(orders, dimension)
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
    check_fits(count, len(chosen))
    effort.spend(count * len(chosen) * min(count, len(chosen)))
    program = form.program(prime)
    cells = program.cost().cells
    check_fits(orders, cells)
    size = max(1, _CHUNK // (cells * orders))
    for generators in rows.values():
        effort.spend(cost(program, len(generators), -(-len(generators) // size), orders))
    picked: list[Residues] = []
    for control, generators in rows.items():
        names = list(generators)
        for low in range(0, len(names), size):
            part = names[low : low + size]
            last = 1 + max(max(generators[name]) for name in part)
            for order, values in enumerate(brackets(program, start, controls[control], part, last, prime)):
                mine = [i for i, name in enumerate(part) for wanted in generators[name] if wanted == order]
                picked.append(values[mine][:, chosen])
    return rank(np.concatenate(picked), prime) if picked else 0


def paths(form: Form, laws: Sequence[Law], witness: Mapping[str, object], work: Work) -> int:
    """Path liftings: the span of all path indicators has rank D minus the number of hidden neurons."""
    closed(witness, "the witness", "rule")
    if not isinstance(form, Paths) or laws != [{"family": "neuron-balance"}]:
        raise Rejected("the rule 'paths' is about path liftings and their neuron balances alone")
    return form.hidden


def local(form: Form, laws: Sequence[Law], witness: Mapping[str, object], work: Work) -> int:
    """Deep linear networks: every pair of chains lies in a small sub-network that passes the sandwich."""
    found = closed(witness, "the witness", "rule", "chains", "nets")
    if not isinstance(form, Linear) or form.zero_sum or laws != [{"family": "balance"}]:
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
    effort = Work(WORK_LIMIT)
    for entry in array(found["nets"], "nets", least=1, most=20_000):
        _net(entry, types, counts, alone, together, effort)
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
    effort: Work,
) -> None:
    """Checks one sub-network by the sandwich; notes the laws inside each chain and between each pair of chains."""
    found = closed(entry, "a sub-network", "members", *_EVIDENCE)
    members_read = array(found["members"], "members", least=1, most=16)
    members = [integer(member, "a member", 0, len(types) - 1) for member in members_read]
    for member, times in Counter(members).items():
        if times > counts[member]:
            raise Rejected("a sub-network uses more chains of a type than there are")
    widths = [sum(types[member][layer] for member in members) for layer in range(len(types[0]))]
    if min(widths) < 1:
        raise Rejected("a layer of a sub-network has no neuron")
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
    count = sum(width * (width + 1) // 2 for width in widths[1:-1])
    check_fits(count, net.parameters)
    effort.spend(count * net.parameters * min(count, net.parameters))
    rows: list[Residues] = [np.zeros((0, net.parameters), dtype=np.int64)]
    ends: list[Residues] = [np.zeros((2, 0), dtype=np.int64)]
    for layer in range(1, len(widths) - 1):
        rows.append(net.balance(layer, point, prime))
        ends.append(labels[layer][np.stack(upper_pairs(widths[layer]))])
    pairs = np.concatenate(ends, axis=1)
    # Gradients that belong to different pairs of chains have no coordinate in common: those of one pair are independent
    # of each other exactly if they are of all.
    independent = independent_columns(np.concatenate(rows).T, prime)
    law_rank = len(independent)
    ranks = Counter((int(pairs[0, i]), int(pairs[1, i])) for i in independent)
    for a, b in combinations_with_replacement(range(len(members)), 2):
        low, high = sorted((members[a], members[b]))
        known = alone.setdefault(low, ranks[a, b]) if a == b else together.setdefault((low, high), ranks[a, b])
        if known != ranks[a, b]:
            raise Rejected(f"two sub-networks disagree on the laws of chains of types {low} and {high}")
    reached = _bracket_rank(net, found, prime, effort)
    if reached + law_rank != net.parameters:
        raise Rejected(
            f"a sub-network of widths {widths} reaches rank {reached} by brackets and {law_rank} by laws, "
            f"not its {net.parameters} parameters"
        )


def involutive(form: Form, laws: Sequence[Law], witness: Mapping[str, object], work: Work) -> int:
    """W lies in a space of k fields closed under brackets, and brackets reach rank k: Frobenius gives D - k laws.

    The space is a Lie algebra of linear fields ``B theta`` over Q; or, without a basis, the one field of a single
    coordinate. The rule counts laws without knowing one.
    """
    found = closed(witness, "the witness", "rule", "basis", "fields", "brackets", *_EVIDENCE)
    if laws:
        raise Rejected("the rule 'involutive' counts laws and can say nothing about listed ones")
    if form.parameters > MATRIX_LIMIT:
        raise Rejected(f"the rule 'involutive' covers at most {MATRIX_LIMIT} parameters")
    basis = [_matrix(entry, form.parameters) for entry in array(found["basis"], "the basis", most=64)]
    alone = not basis and form.dimension() == 1
    fields = array(found["fields"], "fields", most=0 if alone else form.dimension())
    if not alone and len(fields) != form.dimension():
        raise Rejected("'fields' does not have an entry for every coordinate")
    for index, entry in enumerate(fields):
        if not _combines(entry, basis, _hessian(form, index, work), work):
            raise Rejected(f"the field of coordinate {index} is not the stated combination of the basis")
    pairs = list(combinations(basis, 2))
    tables = array(found["brackets"], "brackets", least=len(pairs), most=len(pairs))
    for (left, right), entry in zip(pairs, tables, strict=True):
        if not _combines(entry, basis, _commutator(left, right, work), work):
            raise Rejected("a bracket of two fields is not the stated combination of the basis")
    reached = _bracket_rank(form, found, _prime(found["prime"]), Work(WORK_LIMIT))
    if reached != len(basis) + alone:
        raise Rejected(f"brackets reach rank {reached}, not the {len(basis) + alone} fields of the space")
    return form.parameters - reached


Matrix = dict[tuple[int, int], Rational]


def _matrix(value: object, size: int) -> Matrix:
    out: Matrix = {}
    for entry in array(value, "a matrix", most=size * size):
        row, column, number = array(entry, "an entry of a matrix", least=3, most=3)
        key = integer(row, "a row", 0, size - 1), integer(column, "a column", 0, size - 1)
        if key in out:
            raise Rejected("an entry of a matrix is listed twice")
        out[key] = integer(number, "an entry of a matrix", -(10**18), 10**18)
    return out


def _hessian(form: Form, index: int, work: Work) -> Matrix:
    """The matrix of the field of a quadratic coordinate."""
    coordinate = form.coordinate(index)
    work.spend(10 * len(coordinate.terms))
    out: Matrix = {}
    for monomial, c in coordinate.terms.items():
        ends = [variable for variable, exponent in monomial for _ in range(exponent)]
        if len(ends) != 2:
            raise Rejected("the rule 'involutive' needs quadratic coordinates, or a single one")
        i, j = ends
        out[i, j] = out.get((i, j), 0) + c
        out[j, i] = out.get((j, i), 0) + c
    return out


def _combines(value: object, basis: Sequence[Matrix], target: Matrix, work: Work) -> bool:
    """Whether the combination ``[[number, coefficient], ...]`` of the basis is ``target``."""
    terms: list[tuple[int, Rational]] = []
    for entry in array(value, "a combination", most=len(basis)):
        number, coefficient = array(entry, "a term of a combination", least=2, most=2)
        terms.append((integer(number, "a field", 0, len(basis) - 1), rational(coefficient, "a coefficient")))
    below = common_denominator(c for _, c in terms)
    work.spend(sum((1 + words(c.numerator) + words(below)) ** 2 for c in target.values()))
    total = {key: -c * below for key, c in target.items()}
    for number, coefficient in terms:
        factor = int(coefficient * below)
        work.spend(len(basis[number]) * (1 + words(factor)))
        for key, c in basis[number].items():
            total[key] = total.get(key, 0) + factor * c
    return not any(total.values())


def _commutator(left: Matrix, right: Matrix, work: Work) -> Matrix:
    out: Matrix = {}
    for sign, first, second in ((1, left, right), (-1, right, left)):
        by_row: dict[int, list[tuple[int, Rational]]] = {}
        for (row, column), c in second.items():
            by_row.setdefault(row, []).append((column, c))
        for (row, middle), c in first.items():
            work.spend(1 + len(by_row.get(middle, ())))
            for column, d in by_row.get(middle, ()):
                out[row, column] = out.get((row, column), 0) + sign * c * d
    return out


RULES = {"dense": dense, "paths": paths, "local": local, "involutive": involutive}
