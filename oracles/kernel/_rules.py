"""Completeness: four ways to prove that a set of laws is the whole set. Proofs in docs/rules.md.

Each rule returns the number of independent laws near a generic point. The sandwich behind them: values of brackets are
orthogonal to gradients of laws at every point, so their generic ranks over Q add up to at most D; two modular ranks
that add up to D therefore are the generic ranks (A0.rank-certificate).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, combinations_with_replacement, pairwise

import numpy as np

from ._exact import MINUS_ONE, ONE, Monomial, Polynomial, Work, combine, equal, inner, number, slopes, variable
from ._flow import Program, brackets, solve, times
from ._models import DENSE_LIMIT, Form, Law, Linear, Paths
from ._modular import PRIME_LIMIT, Residues, check_fits, independent_columns, rank, read_prime, residues
from ._read import Rejected, array, closed, demand, entries, integer, integers, rational

ORDERS_LIMIT = 200
MODULAR_LIMIT = 10**12
"""What the brackets and ranks of one certificate may cost, in tenths of a nanosecond."""
MATRIX_LIMIT = 200
"""Parameters of a model whose linear fields are written out as matrices."""
_CALL = 10**6
"""The cost of one field of one generator, however small: a hundred microseconds."""
_CHUNK = 2**21
_EVIDENCE = ("prime", "point", "controls", "orders", "rows", "columns")


def dense(form: Form, laws: Sequence[Law], evidence: Sequence[object]) -> int:
    """The sandwich itself at written-out points, no structure used."""
    return len(_sandwich(form, laws, evidence, Work(MODULAR_LIMIT)))


def _sandwich(form: Form, laws: Sequence[Law], evidence: Sequence[object], effort: Work) -> list[int]:
    """Which of the laws are independent; rejects unless brackets fill all other directions."""
    demand(form.parameters <= DENSE_LIMIT, f"a dense certificate covers at most {DENSE_LIMIT} parameters")
    prime, point = read_prime(evidence[0]), _residues(evidence[1], "the point", form.parameters)
    gradients = law_gradients(form, laws, point, prime)
    effort.spend(gradients.size * min(gradients.shape))
    independent = independent_columns(gradients.T, prime)
    reached = _bracket_rank(form.program(prime), point, evidence, effort)
    total = reached + len(independent)
    ranks = f"brackets reach rank {reached} and laws rank {len(independent)}: together {total}"
    demand(total == form.parameters, f"{ranks}, not the {form.parameters} parameters")
    return independent


def law_gradients(form: Form, laws: Iterable[Law], point: Residues, prime: int) -> Residues:
    """Multiples of the gradients of all laws at ``point`` modulo ``prime``, one a row."""
    return residues([row for law in laws for row in form.gradients(law, point, prime)], form.parameters, prime)


def _residues(value: object, what: str, size: int) -> Residues:
    return np.array(integers(value, what, size, -PRIME_LIMIT, PRIME_LIMIT), dtype=np.int64)


def _bracket_rank(program: Program, start: Residues, evidence: Sequence[object], effort: Work) -> int:
    """The rank of the chosen brackets, restricted to the chosen columns."""
    _, _, written, many, chosen_rows, chosen_columns = evidence
    orders = integer(many, "'orders'", 1, ORDERS_LIMIT)
    demand(orders < program.prime, "the prime does not exceed the number of Taylor coefficients")
    listed = array(written, "controls", most=64)
    check_fits(orders, max(len(listed) * program.dimension, program.cells))
    controls = np.zeros((len(listed), orders, program.dimension), dtype=np.int64)
    for control, entry in zip(controls, listed, strict=True):
        for power, covector in enumerate(array(entry, "a control", least=1, most=orders)):
            control[power] = _residues(covector, "a control", program.dimension)
    rows = [integers(row, "a row", 3, 0, PRIME_LIMIT) for row in array(chosen_rows, "rows", most=len(start))]
    there = all(i < len(controls) and k < orders and j < program.dimension for i, k, j in rows)
    demand(there, "a row names a control, an order or a generator that is not there")
    count = len(array(chosen_columns, "columns", most=len(start)))
    columns = integers(chosen_columns, "columns", count, 0, len(start) - 1)
    demand(len(set(columns)) == len(columns), "a column is listed twice")
    check_fits(len(rows), len(columns))
    effort.spend(len(rows) * len(columns) * min(len(rows), len(columns)))
    size = max(1, _CHUNK // (program.cells * orders))
    pairs = (orders**3 - orders) // 6 + 1
    each = 20 * program.products + 100 * program.cells
    names = [list({j: None for i, _, j in rows if i == which}) for which in range(len(controls))]
    effort.spend(sum(pairs * (len(chosen) * each + (1 + len(chosen) // size) * _CALL) for chosen in names))
    picked: list[Residues] = []
    for which, (chosen, control) in enumerate(zip(names, controls, strict=True)):
        point = solve(program, start, control) if chosen else start
        for low in range(0, len(chosen), size):
            places = {j: place for place, j in enumerate(chosen[low : low + size])}
            for order, values in enumerate(brackets(program, point, control, list(places))):
                mine = [places[j] for i, k, j in rows if (i, k) == (which, order) and j in places]
                picked.append(values[mine][:, columns])
    return rank(np.concatenate(picked), program.prime) if picked else 0


def jacobian_rank(form: Form, laws: Iterable[Law], point: Residues, prime: int, effort: Work) -> int:
    """A lower bound of the rank of dphi and dh together, modulo a prime.

    Of more than D coordinates, D combinations with arbitrary weights are taken.
    """
    program, draw = form.program(prime), np.random.default_rng(0)
    count, size = min(program.dimension, form.parameters), max(1, _CHUNK // program.cells)
    check_fits(count, form.parameters)
    effort.spend(count * (20 * program.products + 100 * program.cells))
    rows = [law_gradients(form, laws, point, prime)]
    for low in range(0, count, size):
        shape = min(size, count - low), program.dimension
        every = np.eye(*shape, low, dtype=np.int64)
        weights = every if count == program.dimension else draw.integers(prime, size=shape)
        rows.append(program.field(point[None, None], weights[None], times)[0])
    matrix = np.concatenate(rows)
    effort.spend(matrix.size * min(matrix.shape))
    return rank(matrix, prime)


def paths(form: Form, laws: Sequence[Law], evidence: Sequence[object]) -> int:
    """Path liftings: the span of all path indicators has rank D minus the number of hidden neurons."""
    if not isinstance(form, Paths) or laws != [{"family": "neuron-balance"}]:
        raise Rejected("the rule 'paths' is about path liftings and their neuron balances alone")
    return form.hidden


def local(form: Form, laws: Sequence[Law], evidence: Sequence[object]) -> int:
    """Deep linear networks: every pair of chains lies in a small sub-network that passes the sandwich."""
    chains, nets = evidence
    if not isinstance(form, Linear) or form.zero_sum or laws != [{"family": "balance"}]:
        raise Rejected("the rule 'local' is about deep linear networks and their balances alone")
    listed = [closed(entry, "a chain", "widths", "count") for entry in array(chains, "chains", least=1, most=1000)]
    types = [integers(widths, "the widths of a chain", len(form.widths), 0, 10**6) for widths, _ in listed]
    counts = [integer(count, "the count of a chain", 1, 10**6) for _, count in listed]
    for layer, width in enumerate(form.widths):
        total = sum(count * widths[layer] for count, widths in zip(counts, types, strict=True))
        demand(total == width, f"the chains do not make up the {width} neurons of layer {layer}")
    known: dict[tuple[int, ...], int] = {}
    effort = Work(MODULAR_LIMIT)
    for entry in array(nets, "nets", least=1, most=20_000):
        written, *shown = closed(entry, "a sub-network", "members", *_EVIDENCE)
        members = [integer(m, "a member", 0, len(types) - 1) for m in array(written, "members", least=1, most=16)]
        enough = all(count <= counts[member] for member, count in Counter(members).items())
        demand(enough, "a sub-network uses more chains of a type than there are")
        for chosen, law_rank in _net([types[member] for member in members], shown, form.work, effort).items():
            known[tuple(sorted(members[i] for i in chosen))] = law_rank
    needed: dict[tuple[int, ...], int] = {(a,): n for a, n in enumerate(counts)}
    for a, b in combinations_with_replacement(range(len(counts)), 2):
        needed[a, b] = counts[a] * counts[b] if a < b else counts[a] * (counts[a] - 1) // 2
    for key, count in needed.items():
        demand(key in known or not count, f"no sub-network covers chains of the types {key}")
    return sum(count * known[key] for key, count in needed.items() if count)


def _net(
    chains: Sequence[Sequence[int]], evidence: Sequence[object], work: Work, effort: Work
) -> dict[tuple[int, ...], int]:
    """Checks one sub-network by the sandwich: the laws inside each of its chains (i,) and between each two (i, j)."""
    layers = list(zip(*chains, strict=True))
    demand(all(map(any, layers)), "a layer of a sub-network has no neuron")
    net = Linear([sum(layer) for layer in layers], "all", work)
    point = _residues(evidence[1], "the point", net.parameters)
    owners = [np.repeat(np.arange(len(chains)), layer) for layer in layers]
    across = [(a[:, None] != b).ravel() for a, b in pairwise(owners)]
    demand(not point[np.concatenate(across)].any(), "the point of a sub-network joins two chains")
    independent = _sandwich(net, [{"family": "balance"}], evidence, effort)
    # Gradients that belong to different pairs of chains have no coordinate in common: those of one pair are independent
    # of each other exactly if they are of all.
    names = list(net.balances())
    ranks = Counter(tuple(owners[layer][[a, b]].tolist()) for layer, a, b in (names[i] for i in independent))
    return {(i, j) if i < j else (i,): ranks[i, j] for i in range(len(chains)) for j in range(i, len(chains))}


def involutive(form: Form, laws: Sequence[Law], evidence: Sequence[object]) -> int:
    """W lies in a space of k fields closed under brackets, and brackets reach rank k: Frobenius gives D - k laws.

    The space is a Lie algebra of linear fields ``B theta`` over Q; or, without a basis, the one field of a single
    coordinate. The rule counts laws without knowing one. A matrix B is kept as the polynomial ``x^T B y``, the
    variables of y numbered after those of x.
    """
    basis, fields, commutators, *evidence = evidence
    size, work = form.parameters, form.work
    demand(not laws, "the rule 'involutive' counts laws and can say nothing about listed ones")
    demand(size <= MATRIX_LIMIT, f"the rule 'involutive' covers at most {MATRIX_LIMIT} parameters")
    program = form.program(read_prime(evidence[0]))
    matrices = [_matrix(entry, size) for entry in array(basis, "the basis", most=64)]
    alone = not matrices and program.dimension == 1
    written = entries(fields, "fields", 0 if alone else program.dimension)
    for index, (entry, coordinate) in enumerate(zip(written, form.coordinates(), strict=False)):
        quadratic = all(sum(exponent for _, exponent in monomial) == 2 for monomial in coordinate.terms)
        demand(quadratic, "the rule 'involutive' needs quadratic coordinates, or a single one")
        hessian = combine([(slope, variable(size + j)) for j, slope in slopes(coordinate, work).items()], work)
        stated = equal(hessian, _combination(entry, matrices, work), work)
        demand(stated, f"the field of coordinate {index} is not the stated combination of the basis")
    # The derivatives of x^T B y are the vectors B y and B^T x; those of two matrices make x^T A B y and x^T B A y.
    by_x = [slopes(matrix, work) for matrix in matrices]
    by_y = [{index - size: slope for index, slope in gradient.items()} for gradient in by_x]
    pairs = list(combinations(range(len(matrices)), 2))
    for (a, b), entry in zip(pairs, entries(commutators, "brackets", len(pairs)), strict=True):
        products = inner(by_y[a], by_x[b], work), inner(by_y[b], by_x[a], work)
        commutator = combine([(products[0], ONE), (products[1], MINUS_ONE)], work)
        stated = equal(commutator, _combination(entry, matrices, work), work)
        demand(stated, "a bracket of two fields is not the stated combination of the basis")
    reached = _bracket_rank(program, _residues(evidence[1], "the point", size), evidence, Work(MODULAR_LIMIT))
    filled = len(matrices) + alone
    demand(reached == filled, f"brackets reach rank {reached}, not the {filled} fields of the space")
    return size - reached


def _matrix(value: object, size: int) -> Polynomial:
    listed = [integers(entry, "a matrix", 3, -(10**18), 10**18) for entry in array(value, "a matrix", most=size * size)]
    terms: dict[Monomial, int] = {((i, 1), (size + j, 1)): c for i, j, c in listed}
    inside = all(0 <= k < size for i, j, _ in listed for k in (i, j))
    demand(inside and len(terms) == len(listed), "a matrix has an entry twice, or one outside its rows and columns")
    return Polynomial({monomial: c for monomial, c in terms.items() if c})


def _combination(value: object, basis: Sequence[Polynomial], work: Work) -> Polynomial:
    """The combination ``[[number, coefficient], ...]`` of the basis."""
    terms = [entries(entry, "a term of a combination", 2) for entry in array(value, "a combination", most=len(basis))]
    fields = [basis[integer(which, "a field", 0, len(basis) - 1)] for which, _ in terms]
    coefficients = [number(rational(written, "a coefficient")) for _, written in terms]
    return combine(list(zip(fields, coefficients, strict=True)), work)


RULES: dict[str, tuple[Callable[[Form, Sequence[Law], Sequence[object]], int], tuple[str, ...]]] = {
    "dense": (dense, _EVIDENCE),
    "paths": (paths, ()),
    "local": (local, ("chains", "nets")),
    "involutive": (involutive, ("basis", "fields", "brackets", *_EVIDENCE)),
}
"""What counts the independent laws, and the fields of its witness."""
