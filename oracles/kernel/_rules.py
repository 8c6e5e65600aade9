"""Completeness: four ways to prove that a set of laws is the whole set. Proofs in docs/rules.md.

Each rule returns the number of independent laws near a generic point. The sandwich behind them: values of brackets are
orthogonal to gradients of laws at every point, so their generic ranks over Q add up to at most D; two modular ranks
that add up to D therefore are the generic ranks (A0.rank-certificate).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, combinations_with_replacement, pairwise
from operator import mul

import numpy as np

from ._exact import MINUS_ONE, ONE, Monomial, Polynomial, Work, combine, inner, number, variable
from ._flow import Program, brackets, solve, times
from ._models import DENSE_LIMIT, Form, Law, Linear, Paths
from ._modular import PRIME_LIMIT, Residues, check_fits, independent_columns, rank, read_prime, residues
from ._read import Node, Rejected, demand

ORDERS_LIMIT = 200
MODULAR_LIMIT = 10**12
"""What the brackets and ranks of one certificate may cost, in tenths of a nanosecond."""
MATRIX_LIMIT = 200
"""Parameters of a model whose linear fields are written out as matrices."""
_CALL = 10**6
"""The cost of one field of one generator, however small: a hundred microseconds."""
_CHUNK = 2**21
_EVIDENCE = ("prime", "point", "controls", "orders", "rows", "columns")


def dense(form: Form, laws: Sequence[Law], *evidence: Node) -> int:
    """The sandwich itself at written-out points, no structure used."""
    return len(_sandwich(form, laws, evidence, Work(MODULAR_LIMIT)))


def _sandwich(form: Form, laws: Sequence[Law], evidence: Sequence[Node], effort: Work) -> list[int]:
    """Which of the laws are independent; rejects unless brackets fill all other directions."""
    demand(form.parameters <= DENSE_LIMIT, f"a dense certificate covers at most {DENSE_LIMIT} parameters")
    prime, point = read_prime(evidence[0]), _residues(evidence[1], form.parameters)
    gradients = law_gradients(form, laws, point, prime)
    effort.spend(gradients.size * min(gradients.shape))
    independent = independent_columns(gradients.T, prime)
    reached = _bracket_rank(form.program(prime), point, evidence[2:], effort)
    total = reached + len(independent)
    ranks = f"brackets reach rank {reached} and laws rank {len(independent)}: together {total}"
    demand(total == form.parameters, f"{ranks}, not the {form.parameters} parameters")
    return independent


def law_gradients(form: Form, laws: Iterable[Law], point: Residues, prime: int) -> Residues:
    """Multiples of the gradients of all laws at ``point`` modulo ``prime``, one a row."""
    return residues([row for law in laws for row in form.gradients(law, point, prime)], form.parameters, prime)


def _residues(value: Node, size: int) -> Residues:
    return np.array(value.integers(size, -PRIME_LIMIT, PRIME_LIMIT), dtype=np.int64)


def _bracket_rank(program: Program, start: Residues, evidence: Sequence[Node], effort: Work) -> int:
    """The rank of the chosen brackets, restricted to the chosen columns."""
    written, many, rows, chosen_columns = evidence
    orders = many.integer(1, ORDERS_LIMIT)
    demand(orders < program.prime, "the prime does not exceed the number of Taylor coefficients")
    listed = list(written.entries(0, 64))
    check_fits(orders, max(program.dimension, program.cells))
    columns = [column.integer(0, len(start) - 1) for column in chosen_columns.entries(0, len(start))]
    demand(len(set(columns)) == len(columns), "a column is listed twice")
    named = list(rows.tuples(3, 0, len(start)))
    check_fits(len(named), len(columns))
    effort.spend(len(named) * len(columns) * min(len(named), len(columns)))
    chosen: list[list[list[int]]] = [[[] for _ in range(orders)] for _ in listed]
    for which, order, generator in named:
        of_control = chosen[which.integer(0, len(listed) - 1)]
        of_control[order.integer(0, orders - 1)].append(generator.integer(0, program.dimension - 1))
    picked = [np.zeros((0, len(columns)), dtype=np.int64)]
    for entry, of_control in zip(listed, chosen, strict=True):
        control = np.zeros((orders, program.dimension), dtype=np.int64)
        for power, covector in enumerate(entry.entries(1, orders)):
            control[power] = _residues(covector, program.dimension)
        needed = sorted({j for names in of_control for j in names})
        size = max(1, _CHUNK // (program.cells * orders))
        parts = [needed[low : low + size] for low in range(0, len(needed), size)]
        pairs = (orders**3 - orders) // 6 + 1
        effort.spend(pairs * (len(needed) * _cost(program) + len(parts) * _CALL))
        point = solve(program, start, control) if needed else start
        for part in parts:
            place = {j: number for number, j in enumerate(part)}
            for names, values in zip(of_control, brackets(program, point, control, part), strict=True):
                picked.append(values[[place[j] for j in names if j in place]][:, columns])
    return rank(np.concatenate(picked), program.prime)


def _cost(program: Program) -> int:
    """What one field of one generator costs."""
    return 20 * program.products + 100 * program.cells


def jacobian_rank(form: Form, laws: Iterable[Law], point: Residues, prime: int, effort: Work) -> int:
    """A lower bound of the rank of dphi and dh together, modulo a prime.

    Of more than D coordinates, D combinations with arbitrary weights are taken.
    """
    program, draw = form.program(prime), np.random.default_rng(0)
    count, size = min(program.dimension, form.parameters), max(1, _CHUNK // program.cells)
    check_fits(count, form.parameters)
    effort.spend(count * _cost(program))
    rows = [law_gradients(form, laws, point, prime)]
    for low in range(0, count, size):
        shape = min(size, count - low), program.dimension
        every = np.eye(*shape, low, dtype=np.int64)
        weights = every if count == program.dimension else draw.integers(prime, size=shape)
        rows.append(program.field(point[None, None], weights[None], times)[0])
    matrix = np.concatenate(rows)
    effort.spend(matrix.size * min(matrix.shape))
    return rank(matrix, prime)


def paths(form: Form, laws: Sequence[Law]) -> int:
    """Path liftings: the span of all path indicators has rank D minus the number of hidden neurons."""
    if not isinstance(form, Paths) or laws != [{"family": "neuron-balance"}]:
        raise Rejected("the rule 'paths' is about path liftings and their neuron balances alone")
    return form.hidden


def local(form: Form, laws: Sequence[Law], chains: Node, nets: Node) -> int:
    """Deep linear networks: every pair of chains lies in a small sub-network that passes the sandwich."""
    if not isinstance(form, Linear) or form.zero_sum or laws != [{"family": "balance"}]:
        raise Rejected("the rule 'local' is about deep linear networks and their balances alone")
    listed = [chain.fields("widths", "count") for chain in chains.entries(1, 1000)]
    types = [widths.integers(len(form.widths), 0, 10**6) for widths, _ in listed]
    counts = [count.integer(1, 10**6) for _, count in listed]
    made = [sum(map(mul, counts, layer)) for layer in zip(*types, strict=True)]
    demand(made == form.widths, f"the chains make up layers of {made} neurons, not {form.widths}")
    known: dict[tuple[int, ...], int] = {}
    effort = Work(MODULAR_LIMIT)
    for net in nets.entries(1, 20_000):
        written, *shown = net.fields("members", *_EVIDENCE)
        members = [member.integer(0, len(types) - 1) for member in written.entries(1, 16)]
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


def _net(chains: list[list[int]], evidence: Sequence[Node], work: Work, effort: Work) -> dict[tuple[int, ...], int]:
    """Checks one sub-network by the sandwich: the laws inside each of its chains (i,) and between each two (i, j)."""
    layers = list(zip(*chains, strict=True))
    demand(all(map(any, layers)), "a layer of a sub-network has no neuron")
    net = Linear(Node([sum(layer) for layer in layers], "widths"), Node("all", "output"), work)
    point = _residues(evidence[1], net.parameters)
    owners = [np.repeat(np.arange(len(chains)), layer) for layer in layers]
    across = [(a[:, None] != b).ravel() for a, b in pairwise(owners)]
    demand(not point[np.concatenate(across)].any(), "the point of a sub-network joins two chains")
    independent = _sandwich(net, [{"family": "balance"}], evidence, effort)
    # Gradients that belong to different pairs of chains have no coordinate in common: those of one pair are independent
    # of each other exactly if they are of all.
    names = [name for name, _ in net.balances()]
    ranks = Counter(tuple(owners[layer][[a, b]].tolist()) for layer, a, b in (names[i] for i in independent))
    return {(i, j) if i < j else (i,): ranks[i, j] for i in range(len(chains)) for j in range(i, len(chains))}


def involutive(form: Form, laws: Sequence[Law], basis: Node, fields: Node, tables: Node, *evidence: Node) -> int:
    """W lies in a space of k fields closed under brackets, and brackets reach rank k: Frobenius gives D - k laws.

    The space is a Lie algebra of linear fields ``B theta`` over Q; or, without a basis, the one field of a single
    coordinate. The rule counts laws without knowing one. A matrix B is kept as the polynomial ``x^T B y``, the
    variables of y numbered after those of x.
    """
    modulus, at, *evidence_of_brackets = evidence
    size, work = form.parameters, form.work
    demand(not laws, "the rule 'involutive' counts laws and can say nothing about listed ones")
    demand(size <= MATRIX_LIMIT, f"the rule 'involutive' covers at most {MATRIX_LIMIT} parameters")
    program = form.program(read_prime(modulus))
    matrices = [_matrix(entry, size) for entry in basis.entries(0, 64)]
    alone = not matrices and program.dimension == 1
    written = fields.entries(0 if alone else program.dimension)
    for index, (entry, coordinate) in enumerate(zip(written, form.coordinates(), strict=False)):
        hessian = [(slope, variable(size + j)) for j, slope in coordinate.slopes(work).items()]
        rest = combine([*hessian, (_combination(entry, matrices, work), MINUS_ONE)], work)
        demand(not rest.terms, f"the field of coordinate {index} is not the stated combination of the basis")
    # The derivatives of x^T B y are the vectors B y and B^T x; those of two matrices make x^T A B y and x^T B A y.
    by_x = [matrix.slopes(work) for matrix in matrices]
    by_y = [{index - size: slope for index, slope in gradient.items()} for gradient in by_x]
    pairs = list(combinations(range(len(matrices)), 2))
    for (a, b), entry in zip(pairs, tables.entries(len(pairs)), strict=True):
        first, second = inner(by_y[a], by_x[b], work), inner(by_y[b], by_x[a], work)
        stated = _combination(entry, matrices, work)
        rest = combine([(first, ONE), (second, MINUS_ONE), (stated, MINUS_ONE)], work)
        demand(not rest.terms, "a bracket of two fields is not the stated combination of the basis")
    reached = _bracket_rank(program, _residues(at, size), evidence_of_brackets, Work(MODULAR_LIMIT))
    filled = len(matrices) + alone
    demand(reached == filled, f"brackets reach rank {reached}, not the {filled} fields of the space")
    return size - reached


def _matrix(value: Node, size: int) -> Polynomial:
    terms: dict[Monomial, int] = {}
    for row, column, entry in value.tuples(3, 0, size * size):
        place = (row.integer(0, size - 1), 1), (size + column.integer(0, size - 1), 1)
        demand(place not in terms, "a matrix has an entry twice")
        terms[place] = entry.integer(-(10**18), 10**18)
    return Polynomial({place: c for place, c in terms.items() if c})


def _combination(value: Node, basis: Sequence[Polynomial], work: Work) -> Polynomial:
    """The combination ``[[number, coefficient], ...]`` of the basis."""
    terms = value.tuples(2, 0, len(basis))
    listed = [(basis[which.integer(0, len(basis) - 1)], number(written.rational())) for which, written in terms]
    return combine(listed, work)


RULES: dict[str, tuple[Callable[..., int], tuple[str, ...]]] = {
    "dense": (dense, _EVIDENCE),
    "paths": (paths, ()),
    "local": (local, ("chains", "nets")),
    "involutive": (involutive, ("basis", "fields", "brackets", *_EVIDENCE)),
}
"""What counts the independent laws, given the model, the laws and the fields of the witness of these names."""
