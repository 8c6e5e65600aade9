"""A0.rank-certificate: two modular ranks that add up to D prove how many laws there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import (
    Mutant,
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

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import Model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import Node

Word = Any
"""The number of a generator, or a pair of words: their bracket."""
Nilpotent = dict[int, int]
"""An element of Z[e_1, ..., e_j]/(e_i^2): an integer for each set of generators, the set written in bits."""

PRIMES = (2, 3, 5, 7, 11, 31, 101, 65521, 2_147_483_647)
SMALL = (3, 5, 7, 11, 17, 31, 61, 127, 251, 509, 1021)
BY_HAND = ("linear:1-2-1", "linear:2-2-2")
PROVED = ("linear:1-2-1", "linear:2-2-2", "linear:1-2-2-1", "linear:4-5-2", "relu:2-3-2+bias", "monomial:4")


@cache
def generators(spec: str) -> tuple[Mapping[int, Polynomial], ...]:
    """The fields ``grad phi_i`` of a model, each as its non-zero components."""
    return tuple(coordinate.gradient() for coordinate in model_of(spec).coordinates())


@cache
def model_of(spec: str) -> Model:
    """The model of a spec, parsed once."""
    from ...oracles.models import parse_model

    return parse_model(spec)


@cache
def law_fields(spec: str) -> tuple[Mapping[int, Polynomial], ...]:
    """The gradients of the known laws."""
    from ...oracles.models import known_laws

    return tuple(law.gradient() for family in known_laws(model_of(spec)) for law in family.polynomials())


def bracket(left: Mapping[int, Polynomial], right: Mapping[int, Polynomial]) -> dict[int, Polynomial]:
    """``[X, Y] = DX Y - DY X``, by differentiation."""
    from ...oracles.polynomials import Polynomial

    total: dict[int, Polynomial] = {}
    for first, second, sign in ((left, right, 1), (right, left, -1)):
        for i, component in first.items():
            for variable, slope in component.gradient().items():
                if variable in second:
                    part = slope * second[variable]
                    total[i] = total.get(i, Polynomial()) + (part if sign > 0 else -part)
    return {i: component for i, component in total.items() if component}


def symbolic(fields: Sequence[Mapping[int, Polynomial]], word: Word) -> Mapping[int, Polynomial]:
    """The field that a word names, expanded."""
    return fields[word] if isinstance(word, int) else bracket(symbolic(fields, word[0]), symbolic(fields, word[1]))


def values(field: Mapping[int, Polynomial], point: Sequence[int]) -> list[int]:
    """A field at a point, all components."""
    return [int(field[i].evaluate(point)) if i in field else 0 for i in range(len(point))]


def nilpotent(fields: Sequence[Mapping[int, Polynomial]], word: Word, point: Sequence[int]) -> list[int]:
    """The same value without expanding anything: ``[X, Y]`` is the e-part of ``X(p + e Y(p)) - Y(p + e X(p))``."""
    return [element.get(0, 0) for element in _walk(fields, word, [{0: x} for x in point], 1)]


def _walk(
    fields: Sequence[Mapping[int, Polynomial]], word: Word, point: Sequence[Nilpotent], fresh: int
) -> list[Nilpotent]:
    if isinstance(word, int):
        return [_evaluate(fields[word][i], point) if i in fields[word] else {} for i in range(len(point))]
    sides: list[list[Nilpotent]] = []
    for ahead, behind in ((word[0], word[1]), (word[1], word[0])):
        pushed = _walk(fields, behind, point, fresh << 1)
        moved = [_add(p, {bits | fresh: c for bits, c in e.items()}) for p, e in zip(point, pushed, strict=True)]
        reached = _walk(fields, ahead, moved, fresh << 1)
        sides.append([{bits ^ fresh: c for bits, c in e.items() if bits & fresh} for e in reached])
    return [_add(a, {bits: -c for bits, c in b.items()}) for a, b in zip(*sides, strict=True)]


def _evaluate(polynomial: Polynomial, point: Sequence[Nilpotent]) -> Nilpotent:
    total: Nilpotent = {}
    for monomial, coefficient in polynomial.terms.items():
        term: Nilpotent = {0: int(coefficient)}
        for variable, exponent in monomial:
            for _ in range(exponent):
                term = _multiply(term, point[variable])
        total = _add(total, term)
    return total


def _multiply(left: Nilpotent, right: Nilpotent) -> Nilpotent:
    product: Nilpotent = {}
    for a, x in left.items():
        for b, y in right.items():
            if not a & b:
                product[a | b] = product.get(a | b, 0) + x * y
    return product


def _add(left: Nilpotent, right: Nilpotent) -> Nilpotent:
    total = dict(left)
    for bits, c in right.items():
        total[bits] = total.get(bits, 0) + c
    return total


def rank_mod(rows: Sequence[Sequence[int]], prime: int) -> int:
    """The rank over the field of ``prime`` elements."""
    from flint import nmod_mat

    if not rows:
        return 0
    flat = [value % prime for row in rows for value in row]
    return int(nmod_mat(len(rows), len(rows[0]), flat, prime).rank())


def rank_over_q(rows: Sequence[Sequence[int]]) -> int:
    """The rank over Q."""
    from flint import fmpz_mat

    return int(fmpz_mat([list(row) for row in rows]).rank()) if rows else 0


def dual_numbers_identity() -> Certificate:
    """``X(p + eY) - Y(p + eX) = X - Y + e [X, Y] + e^2 (...)`` for all fields of degree 2 in the plane.

    Variables: the point (2), e, and six coefficients for each component of X and of Y. The remainder of a field of
    degree 2 is its quadratic part, so the identity names the whole right-hand side.
    """
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    point, epsilon = [symbol(0), symbol(1)], symbol(2)

    def coefficients(component: int) -> list[Node]:
        return [symbol(3 + 6 * component + k) for k in range(6)]

    def field(component: int, at: Sequence[Node]) -> Node:
        c, (x, y) = coefficients(component), at
        powers = (1, x, y, multiply(x, x), multiply(x, y), multiply(y, y))
        return add(*(multiply(a, b) for a, b in zip(c, powers, strict=True)))

    def slope(component: int, along: Sequence[Node]) -> Node:
        c, (x, y), (u, v) = coefficients(component), point, along
        return add(
            multiply(u, add(c[1], multiply(2, c[3], x), multiply(c[4], y))),
            multiply(v, add(c[2], multiply(c[4], x), multiply(2, c[5], y))),
        )

    def square(component: int, along: Sequence[Node]) -> Node:
        c, (u, v) = coefficients(component), along
        return add(multiply(c[3], u, u), multiply(c[4], u, v), multiply(c[5], v, v))

    X, Y = [field(i, point) for i in (0, 1)], [field(i, point) for i in (2, 3)]
    beyond_y = [add(p, multiply(epsilon, y)) for p, y in zip(point, Y, strict=True)]
    beyond_x = [add(p, multiply(epsilon, x)) for p, x in zip(point, X, strict=True)]
    pairs: list[tuple[Node, Node]] = []
    for i in (0, 1):
        left = subtract(field(i, beyond_y), field(2 + i, beyond_x))
        lie = subtract(slope(i, Y), slope(2 + i, X))
        rest = subtract(square(i, Y), square(2 + i, X))
        right = add(X[i], multiply(-1, Y[i]), multiply(epsilon, lie), multiply(epsilon, epsilon, rest))
        pairs.append((left, right))
    return identity(27, pairs)


def words_up_to_pairs(spec: str) -> list[Word]:
    """All generators and all brackets of two of them."""
    count = len(generators(spec))
    return [*range(count), *combinations(range(count), 2)]


def derivation() -> Iterator[Step]:
    """Why the sandwich proves, and counts that it proved."""
    from ...oracles.lie import find_completeness
    from ...oracles.proofs import exact_rank

    yield Step(
        "Take fields with integer coefficients and an integer point. A minor that is not 0 modulo p is a non-zero "
        "integer, so it is a non-zero polynomial in the point. A rank modulo p is therefore at most the rank over Q at "
        "the same point, and this is at most the rank at a generic point.",
        r"\operatorname{rank}_p A(\theta) \le \operatorname{rank}_{\mathbb Q} A(\theta)"
        r" \le \operatorname{rank}_{\mathbb Q(\theta)} A",
    )
    yield Step(
        "Gradients of laws are orthogonal to every bracket (A1.independence-and-count), so at a generic point the two "
        "ranks add up to at most D.",
        r"\dim \mathrm{Lie}(W)(\theta) + \operatorname{rank}\,(\nabla h_1, \dots, \nabla h_k)(\theta) \le D",
    )
    yield Step(
        "If the two modular ranks at a point add up to D, each of them is the generic rank: were one too small, the "
        "other would have to be too large. Nothing is left to probability.",
        r"\operatorname{rank}_p + \operatorname{rank}_p = D \;\Longrightarrow\; \text{laws} = D - \dim \mathrm{Lie}(W)",
    )
    yield Step(
        "Brackets need no expansion. With a new number e, e^2 = 0, the bracket is the e-part of X(p + eY) - Y(p + eX); "
        "nesting adds one such number for each bracket. Here it is for all fields of degree 2 in the plane.",
        r"X(\theta + \varepsilon Y) - Y(\theta + \varepsilon X) = X - Y + \varepsilon\,[X, Y] + \varepsilon^2(\dots)",
        dual_numbers_identity(),
    )
    for spec in BY_HAND:
        point = [(7 * k * k + 3 * k + 1) % 11 - 5 for k in range(model_of(spec).parameters)]
        fields = generators(spec)
        brackets = [nilpotent(fields, word, point) for word in words_up_to_pairs(spec)]
        laws = [values(field, point) for field in law_fields(spec)]
        yield Step(
            f"By hand, {spec} at {point}: the values of the generators and of their brackets have rank "
            f"{rank_over_q(brackets)} over Q.",
            certificate=exact_rank(brackets),
        )
        yield Step(
            f"The gradients of the balance laws have rank {rank_over_q(laws)} at the same point: together "
            f"{rank_over_q(brackets) + rank_over_q(laws)} of D = {len(point)}.",
            certificate=exact_rank(laws),
        )
    for spec in PROVED:
        found = find_completeness(model_of(spec), structure=False, levels=False)
        yield Step(
            f"{spec}: D = {found.parameters} = {found.lie_dimension} + {found.independent_laws}, decided modulo one "
            "prime at one point.",
            certificate=found.certificate,
        )


@dataclass(frozen=True, slots=True)
class WordCase:
    """A nested bracket of three random combinations of the generators of a model, at an integer point."""

    spec: str
    seed: int
    word: Word
    point: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RankCase:
    """All generators and some brackets of a model at an integer point, modulo a prime."""

    spec: str
    words: tuple[Word, ...]
    point: tuple[int, ...]
    prime: int


def _models() -> SearchStrategy[str]:
    """Small models with at least three generators: two often commute."""
    from hypothesis import strategies as st

    from ..strategies import dags, linear_models, relu_models

    models: st.SearchStrategy[Any] = st.one_of(
        linear_models(layers=(2, 3), width=(1, 3), parameters=12),
        relu_models(layers=(2, 2), width=(1, 2), skips=False),
        dags(hidden=(1, 2)),
    )
    specs = models.filter(lambda model: 2 < len(model.coordinates()) <= 12).map(lambda model: str(model.spec))
    return st.one_of(
        specs, st.sampled_from(["homogeneous:1-2-2+degree2", "homogeneous:2-1-2+degree2", "conv:2-2", "symmetric:2-2"])
    )


def word_cases(*specs: str) -> SearchStrategy[WordCase]:
    """Words of two to four letters."""
    from hypothesis import strategies as st

    models = st.sampled_from(specs) if specs else _models()
    words = st.sampled_from([(0, 1), (0, (1, 2)), ((0, 1), 2), (0, (1, (0, 2))), ((0, 1), (0, 2))])
    entry = st.integers(-9, 8).map(lambda k: k if k < 0 else k + 1)

    @st.composite
    def draw_case(draw: st.DrawFn) -> WordCase:
        spec = draw(models)
        point = draw(st.tuples(*[entry] * model_of(spec).parameters))
        return WordCase(spec, draw(st.integers(0, 99)), draw(words), point)

    return draw_case()


@cache
def combinations_of(spec: str, seed: int) -> tuple[Mapping[int, Polynomial], ...]:
    """Three combinations of the generators with random coefficients, none zero: all nested brackets occur in theirs."""
    from random import Random

    from ...oracles.polynomials import Polynomial

    random = Random(seed)
    fields: list[Mapping[int, Polynomial]] = []
    for _ in range(3):
        total: dict[int, Polynomial] = {}
        for field in generators(spec):
            scale = Polynomial.constant(random.choice((-1, 1)) * random.randint(1, 9))
            for i, component in field.items():
                total[i] = total.get(i, Polynomial()) + component * scale
        fields.append(total)
    return tuple(fields)


def check_dual_numbers(case: WordCase) -> Residual:
    """Nilpotent numbers against differentiation."""
    fields = combinations_of(case.spec, case.seed)
    expanded = values(symbolic(fields, case.word), case.point)
    off = sum(abs(a - b) for a, b in zip(nilpotent(fields, case.word, case.point), expanded, strict=True))
    return Residual(off, nontrivial=any(expanded))


def check_sympy(case: WordCase) -> Residual:
    """The same value by sympy's derivatives, which know nothing of our polynomials."""
    import sympy

    variables: tuple[Any, ...] = tuple(sympy.Symbol(f"t{k}") for k in range(len(case.point)))
    fields = combinations_of(case.spec, case.seed)

    def field(word: Word) -> Any:
        if isinstance(word, int):
            return sympy.Matrix(
                [_in_sympy(fields[word][i], variables) if i in fields[word] else 0 for i in range(len(variables))]
            )
        left, right = field(word[0]), field(word[1])
        return left.jacobian(variables) * right - right.jacobian(variables) * left

    found = field(case.word).subs(dict(zip(variables, case.point, strict=True)))
    ours = nilpotent(fields, case.word, case.point)
    return Residual(sum(abs(int(a) - b) for a, b in zip(found, ours, strict=True)), nontrivial=any(ours))


def _in_sympy(polynomial: Polynomial, variables: Sequence[Any]) -> Any:
    total: Any = 0
    for monomial, coefficient in polynomial.terms.items():
        term: Any = int(coefficient)
        for variable, exponent in monomial:
            term = term * variables[variable] ** exponent
        total = total + term
    return total


def rank_cases(primes: Sequence[int] = PRIMES, least: int = -9) -> SearchStrategy[RankCase]:
    """Points with entries from ``least`` to 9, modulo one of the primes."""
    from hypothesis import strategies as st

    models, prime, entry = _models(), st.sampled_from(primes), st.integers(least, 9)

    @st.composite
    def draw_case(draw: st.DrawFn) -> RankCase:
        spec = draw(models)
        letter = st.integers(0, len(generators(spec)) - 1)
        words = tuple(draw(st.lists(st.tuples(letter, letter), max_size=5)))
        point = draw(st.tuples(*[entry] * model_of(spec).parameters))
        return RankCase(spec, words, point, draw(prime))

    return draw_case()


def law_cases() -> SearchStrategy[RankCase]:
    """Positive points and odd primes: there most laws have a gradient."""
    return rank_cases(PRIMES[1:], 1).filter(lambda case: bool(law_fields(case.spec)))


def _rows(case: RankCase) -> list[list[int]]:
    fields = generators(case.spec)
    return [nilpotent(fields, word, case.point) for word in (*range(len(fields)), *case.words)]


@cache
def generic_dimension(spec: str) -> int:
    """dim Lie(W) at a generic point, from a certificate where there is one; else D, which bounds nothing."""
    from ...oracles.lie import find_completeness

    found = find_completeness(model_of(spec), levels=False)
    return found.lie_dimension if found.complete else found.parameters


def check_one_sided(case: RankCase) -> Residual:
    """How far the modular rank exceeds the rank over Q, or this one the certified generic rank."""
    rows = _rows(case)
    modular, rational = rank_mod(rows, case.prime), rank_over_q(rows)
    off = max(0, modular - rational) + max(0, rational - generic_dimension(case.spec))
    return Residual(off, nontrivial=modular > 0, note=f"{modular} modulo {case.prime}, {rational} over Q")


def check_sum(case: RankCase) -> Residual:
    """How far both ranks together exceed D."""
    laws = [values(field, case.point) for field in law_fields(case.spec)]
    brackets, known = rank_mod(_rows(case), case.prime), rank_mod(laws, case.prime)
    return Residual(max(0, brackets + known - len(case.point)), nontrivial=brackets > 0 and known > 0)


def check_float(case: RankCase) -> Residual:
    """The first singular value beyond the exact rank, in float64.

    Bound: converting an entry rounds it by u, which moves singular values by at most ``u |A|_F`` (Weyl); the computed
    ones are those of a matrix that differs by a few ``(rows + columns) u |A|_F``, and 8 is taken for "a few".
    """
    import numpy as np

    rows = _rows(case)
    exact = rank_over_q(rows)
    matrix = np.array(rows, dtype=np.float64)
    singular = np.linalg.svd(matrix, compute_uv=False)
    beyond = float(singular[exact]) if exact < len(singular) else 0.0
    bound = 2.0**-53 * float(np.linalg.norm(matrix)) * (1 + 8 * sum(matrix.shape))
    return Residual(beyond, bound, nontrivial=0 < exact < len(singular))


def small_prime_check(case: RankCase) -> Residual:
    """The wrong statement: the rank modulo any prime is the rank over Q."""
    rows = _rows(case)
    return Residual(abs(rank_over_q(rows) - rank_mod(rows, case.prime)))


def one_sided_bracket_check(case: RankCase) -> Residual:
    """The wrong statement: ``DX Y`` alone, without ``- DY X``, is as good as a bracket."""
    fields = generators(case.spec)
    rows = [values(field, case.point) for field in fields]
    pairs: tuple[tuple[int, int], ...] = case.words
    for left, right in pairs:
        along = values(fields[right], case.point)
        row = [0] * len(along)
        for i, component in fields[left].items():
            row[i] = sum(int(part.evaluate(case.point)) * along[k] for k, part in component.gradient().items())
        rows.append(row)
    laws = [values(field, case.point) for field in law_fields(case.spec)]
    return Residual(max(0, rank_over_q(rows) + rank_over_q(laws) - len(case.point)))


def no_brackets_check(case: RankCase) -> Residual:
    """The wrong statement: D - dim W is the number of laws, with no brackets taken."""
    from random import Random

    random = Random(sum(case.point))
    point = [random.randint(-(10**6), 10**6) for _ in case.point]
    rows = [values(field, point) for field in generators(case.spec)]
    return Residual(abs(len(point) - rank_over_q(rows) - (len(point) - generic_dimension(case.spec))))


def linear_three() -> SearchStrategy[RankCase]:
    """Two-layer linear networks only: they have the brackets."""
    from hypothesis import strategies as st

    def case(spec: str) -> RankCase:
        return RankCase(spec, (), (1,) * model_of(spec).parameters, PRIMES[-1])

    return st.sampled_from(["linear:1-1-1", "linear:1-2-1", "linear:1-2-2", "linear:2-2-2"]).map(case)


def with_prime_two() -> Certificate:
    """A good certificate of linear:2-2-2 with its prime replaced by 2."""
    honest = _certificate("linear:2-2-2")
    witness = honest["witness"]
    assert isinstance(witness, dict)
    return {**honest, "witness": {**witness, "prime": 2}}


def with_an_invented_law() -> Certificate:
    """A good certificate of linear:2-2-2 with ``|U1|^2`` slipped in as a fourth law, counted everywhere."""
    honest = _certificate("linear:2-2-2")
    claim = honest["claim"]
    assert isinstance(claim, dict)
    invented = {"polynomial": [[1, [[k, 2]]] for k in range(4)]}
    return {**honest, "claim": {**claim, "laws": [*claim["laws"], invented], "independent_laws": 4, "lie_dimension": 4}}


def _certificate(spec: str) -> Certificate:
    from ...oracles.lie import find_completeness

    found = find_completeness(model_of(spec), structure=False, levels=False).certificate
    assert found is not None
    return found


def table() -> Table:
    """What different primes see at one and the same point."""
    rows: list[list[str | int]] = []
    for spec in BY_HAND:
        point = [(7 * k * k + 3 * k + 1) % 11 - 5 for k in range(model_of(spec).parameters)]
        brackets = [nilpotent(generators(spec), word, point) for word in words_up_to_pairs(spec)]
        laws = [values(field, point) for field in law_fields(spec)]
        for prime in (2, 3, 5, 101, 65521):
            lie, known = rank_mod(brackets, prime), rank_mod(laws, prime)
            verdict = "decided" if lie + known == len(point) else "open"
            rows.append([spec, prime, len(point), lie, known, lie + known, verdict])
    columns = ("model", "prime", "D", "rank of brackets", "rank of laws", "sum", "count")
    return Table("One point, several primes: small primes lose ranks and decide nothing", columns, rows)


def primes_simulation(profile: Profile) -> SimulationResult:
    """How often a random point decides, for each prime."""
    from random import Random

    tries = (20, 60, 300)[profile.effort]
    exceeded = 0
    series: list[Series] = []
    for spec in BY_HAND:
        fields = [symbolic(generators(spec), word) for word in words_up_to_pairs(spec)]
        size = model_of(spec).parameters
        random = Random(1)
        points: list[tuple[float, float]] = []
        for prime in SMALL:
            decided = 0
            for _ in range(tries):
                point = [random.randrange(prime) for _ in range(size)]
                lie = rank_mod([values(field, point) for field in fields], prime)
                known = rank_mod([values(field, point) for field in law_fields(spec)], prime)
                decided += lie + known == size
                exceeded += lie + known > size
            points.append((float(prime), decided / tries))
        series.append(Series(spec, points, "points"))
    # all entries have degree 1, so the two minors are polynomials of degree 8 together for 2-2-2
    series.append(
        Series("at least 1 - 8/p for 2-2-2 (Schwartz-Zippel)", [(float(p), 1 - 8 / p) for p in SMALL if p > 8])
    )
    plot = Plot(
        "How often one random point decides",
        "prime p",
        "fraction of points",
        series,
        x_scale="log",
        caption="A point modulo p decides the count when both ranks add up to D. No point ever claims too much.",
    )
    total = len(SMALL) * len(BY_HAND) * tries
    return SimulationResult(Residual(exceeded, note=f"{total} points, none with a sum above D"), (plot,))


def _violating(name: str, says: str, check: Any, cases: Any = rank_cases) -> Mutant:
    return Mutant(name, says, violates=Property(name, says, "modular", cases, check))


THEOREM = Theorem(
    id="A0.rank-certificate",
    title="Exact counts from two modular ranks",
    summary="If brackets and law gradients have modular ranks that add up to D, the number of laws is proved.",
    source="derived",
    status="derived",
    hypotheses=(
        "phi is polynomial; its gradients and the laws have integer coefficients.",
        "theta is an integer point and p a prime; nothing is assumed about either being generic.",
    ),
    statement=r"\operatorname{rank}_p \mathrm{Lie}(W)(\theta) + \operatorname{rank}_p\,(\nabla h_i(\theta))_i = D"
    r" \;\Longrightarrow\; \text{exactly } \operatorname{rank}_p\,(\nabla h_i)_i \text{ independent laws}",
    assumes=("A1.independence-and-count",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            "dual-numbers",
            "A nested bracket evaluated with nilpotent numbers equals the bracket expanded by differentiation.",
            "rational",
            word_cases,
            check_dual_numbers,
        ),
        Property(
            "sympy",
            "On linear:1-2-2 and linear:2-2-2 sympy finds the same brackets.",
            "rational",
            lambda: word_cases("linear:2-2-2", "linear:1-2-2"),
            check_sympy,
            examples=(WordCase("linear:2-2-2", 0, (0, (1, 2)), (1, 2, 3, 4, 5, 6, 7, 8)),),
            share=0.05,
        ),
        Property(
            "one-sided",
            "A rank modulo p never exceeds the rank over Q, nor this one the certified generic rank.",
            "modular",
            rank_cases,
            check_one_sided,
        ),
        Property(
            "sum-at-most-D",
            "The two ranks never add up to more than D, at any point and modulo any prime.",
            "modular",
            law_cases,
            check_sum,
        ),
        Property(
            "float-ranks",
            "In float64 the singular values beyond the exact rank are rounding errors.",
            "float64",
            rank_cases,
            check_float,
        ),
    ),
    simulations=(
        Simulation("primes", "How often one random point decides the count, against the prime.", primes_simulation),
    ),
    mutants=(
        _violating(
            "any-prime",
            "The rank modulo any prime, 2 and 3 included, is the rank over Q.",
            small_prime_check,
            lambda: rank_cases((2, 3)),
        ),
        _violating("half-a-bracket", "DX Y without - DY X may stand in for the bracket.", one_sided_bracket_check),
        _violating(
            "no-brackets", "D - dim W counts the laws; brackets are not needed.", no_brackets_check, linear_three
        ),
        Mutant("prime-two", "The prime of a good certificate may be replaced by 2.", rejects=with_prime_two),
        Mutant("invented-law", "A law that is none may be counted.", rejects=with_an_invented_law),
    ),
)
