"""A1.alg.lie-trace: the dimension of Lie(W) at a generic point, bracket by bracket, and a shortcut that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a1_two_layer_linear_lie_algebra import generated, units

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...oracles.models import Model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import Matrix

LEVELS = {"5-5-4-4-5": (24, 46), "2-4-5-2-2": (4, 9, 13, 14), "2-4-5-2": (4, 8, 12, 13), "4-5-2": (8, 15)}
"""Linear networks and the ranks after each level, as the theory states them."""
TRAPS = ("3-4-2-4", "4-5-3", "5-5-2", "5-5-3-5", "3-5-3-4", "3-5-3", "4-5-2", "5-5-2-2")
"""The networks among the 50 of the authors' notebook on which the shortcut fails, as the theory states them."""
PRIME = 2**31 - 1
SHORTCUT = 3
"""The shortcut brackets with so many generators only."""

Word = tuple[int, ...]


class Fields:
    """The fields ``grad phi_i`` of a model on truncated numbers, and their brackets.

    A truncated number is an element of ``K[e_1, ..., e_s] / (e_i^2)``: ``2^s`` coefficients, numbered by the bits of
    the ``e_i`` that occur. Points and fields are arrays ``(2^s, D)``. With a ``prime`` K is the field of that size;
    without one K is whatever the arrays hold: floats, or exact numbers in arrays of objects. ``absolute`` turns every
    difference into a sum, which gives the sums of the absolute values of all terms.
    """

    def __init__(self, model: Model, prime: int = 0, *, absolute: bool = False) -> None:
        import numpy as np

        self.prime, self.absolute = prime, absolute
        self.parameters = model.parameters
        self.generators: list[tuple[Any, Any, Any]] = []
        for coordinate in model.coordinates():
            terms = [
                (variable, [v for v, e in monomial for _ in range(e)], int(c))
                for variable, slope in coordinate.gradient().items()
                for monomial, c in slope.terms.items()
            ]
            degree = max(len(factors) for _, factors, _ in terms)
            padded = [factors + [self.parameters] * (degree - len(factors)) for _, factors, _ in terms]
            owners = np.array([variable for variable, _, _ in terms])
            self.generators.append(
                (owners, np.array(padded).reshape(len(terms), degree), np.array([c for _, _, c in terms]))
            )

    def field(self, index: int, point: Any) -> Any:
        """``grad phi_index`` at the point."""
        import numpy as np

        owners, factors, coefficients = self.generators[index]
        one = np.zeros((len(point), 1), dtype=point.dtype)
        one[0] = 1
        extended = np.concatenate([point, one], axis=1)
        terms = np.zeros((len(point), len(owners)), dtype=point.dtype)
        terms[0] = abs(coefficients) if self.absolute else coefficients
        for column in factors.T:
            terms = self._times(terms, extended[:, column])
        out = np.zeros((len(point), self.parameters), dtype=point.dtype)
        np.add.at(out, cast("Any", (slice(None), owners)), terms)
        return self._reduced(out)

    def bracket(self, word: Word, point: Any) -> Any:
        """``[...[[X_a, X_b], X_c]...]`` at the point for the word ``(a, b, c, ...)``, ``[Y, X] = DY X - DX Y``.

        With a fresh e, ``DY X`` is the coefficient of e in ``Y(theta + e X(theta))``; the rest of that number is Y.
        """
        import numpy as np

        *inner, last = word
        if not inner:
            return self.field(last, point)
        half = len(point)
        along = self.bracket(tuple(inner), np.concatenate([point, self.field(last, point)]))
        value, slope = along[:half], along[half:]
        back = self.field(last, np.concatenate([point, value]))[half:]
        return self._reduced(slope + back if self.absolute else slope - back)

    def roundings(self, word: Word, given: int = 0, orders: int = 1) -> int:
        """How many roundings a term of ``bracket`` passes through at most, if the point has ``given`` behind it."""
        *inner, last = word
        owners, factors, _ = self.generators[last]
        degree, terms = int(factors.shape[1]), len(owners)

        def of_field(before: int, size: int) -> int:
            # a factor brings its own, a product of truncated numbers 1 + size, the sum of the terms the rest
            return max(before, degree * (before + 1 + size) + terms)

        if not inner:
            return of_field(given, orders)
        along = self.roundings(tuple(inner), of_field(given, orders), 2 * orders)
        return of_field(along, 2 * orders) + 1

    def _times(self, left: Any, right: Any) -> Any:
        import numpy as np

        out = np.zeros_like(left)
        for a in range(len(left)):
            for b in range(len(left)):
                if not a & b:
                    out[a | b] = self._reduced(out[a | b] + left[a] * right[b])
        return out

    def _reduced(self, values: Any) -> Any:
        return values % self.prime if self.prime else values


@dataclass(frozen=True, slots=True)
class Trace:
    """What the algorithm found.

    Attributes:
        levels: the rank after each level that added something.
        history: the rank after each bracket.
        words: the kept words.
    """

    levels: tuple[int, ...]
    history: tuple[int, ...]
    words: tuple[Word, ...]

    @property
    def rank(self) -> int:
        """The rank in the end."""
        return len(self.words)


def lie_trace(
    model: Model, *, first: int | None = None, depth: int = 8, target: int | None = None, point: Sequence[int] = ()
) -> Trace:
    """The algorithm, modulo a 31-bit prime.

    Args:
        model: gives the generators.
        first: bracket with this many generators only: the shortcut.
        depth: the largest number of levels.
        target: stop at this rank.
        point: where; a random point by default.
    """
    import numpy as np

    fields = Fields(model, PRIME)
    if point:
        at = np.array([point], dtype=np.int64) % PRIME
    else:
        at = np.random.default_rng(1).integers(1, PRIME, (1, model.parameters))
    echelon: list[tuple[int, Any]] = []
    new: list[Word] = [(i,) for i in range(len(fields.generators)) if _enlarges(echelon, fields.field(i, at)[0])]
    chosen = [word[0] for word in new][:first]
    words, levels, history = list(new), [len(new)], [len(new)]
    while new and len(levels) < depth and len(words) != target:
        kept: list[Word] = []
        for word in ((*y, x) for y in new for x in chosen):
            if len(words) == target:
                break
            if _enlarges(echelon, fields.bracket(word, at)[0]):
                kept.append(word)
                words.append(word)
            history.append(len(words))
        new = kept
        if kept:
            levels.append(len(words))
    return Trace(tuple(levels), tuple(history), tuple(words))


def _enlarges(echelon: list[tuple[int, Any]], vector: Any) -> bool:
    """Reduces a vector modulo the prime; keeps what is left of it, if anything."""
    for pivot, row in echelon:
        if vector[pivot]:
            vector = (vector - vector[pivot] * row) % PRIME
    places = vector.nonzero()[0]
    if not len(places):
        return False
    pivot = int(places[0])
    echelon.append((pivot, vector * pow(int(vector[pivot]), -1, PRIME) % PRIME))
    return True


def certified(model: Model) -> Completeness:
    """What the kernel accepts about the model."""
    from ...oracles.lie import find_completeness

    return find_completeness(model, levels=False)


def _parsed(spec: str) -> Model:
    from ...oracles.models import parse_model

    return parse_model(spec)


def derivation() -> Iterator[Step]:
    """Why keeping few brackets is enough; how they are evaluated; why three generators are not enough."""
    from ...oracles.proofs import exact_rank

    yield Step(
        "The bracket is [X, Y] = DX Y - DY X. If X is a combination of fields with functions as coefficients, brackets "
        "with X stay in the span of those with the fields and of the fields themselves. Here in two dimensions, for "
        "one function f, all values and derivatives free.",
        r"[f X, Y] = f\,[X, Y] + (Y f)\, X",
        certificate=leibniz(1),
    )
    yield Step(
        "So, where the ranks do not drop nearby, only fields that are independent at the point have to be kept. By "
        "Jacobi's identity a bracket with a bracket is made of brackets with generators. Here in two dimensions, with "
        "values, first and second derivatives of all three fields free.",
        r"[[X, Y], Z] + [[Y, Z], X] + [[Z, X], Y] = 0",
        certificate=_jacobi(),
    )
    yield Step(
        "A bracket is evaluated without expanding anything: in numbers with e^2 = 0 the coefficient of e in "
        "Y(theta + e X(theta)) is DY X. Nested brackets use one e each; all arithmetic is modulo a prime.",
        r"[Y, X](\theta) = \bigl( Y(\theta + e X(\theta)) - X(\theta + e Y(\theta)) \bigr)_e",
    )
    yield Step(
        "When nothing is kept any more the rank is that of Lie(W) at a generic point. At other points it is only a "
        "lower bound. With as many independent laws as the rank leaves room for, it is proved (A0.rank-certificate).",
        r"\operatorname{rank} + \#\text{laws} = D",
    )
    for widths in LEVELS:
        found = certified(_parsed(f"linear:{widths}"))
        yield Step(
            f"{widths}: dim Lie = {found.lie_dimension} and {found.independent_laws} laws, D = {found.parameters}.",
            certificate=found.certificate,
        )
    yield Step(
        "The shortcut brackets with the first three generators only. On 4-5-2 these are S_11, S_12 and S_21 of "
        "A1.two-layer-linear.lie-algebra: rows 3 and 4 of U never meet in a bracket, and the rotation between them "
        "stays out. What is reached spans 14 dimensions at an integer point ...",
        certificate=exact_rank(_values(_with_first_three())),
    )
    yield Step(
        "... and the whole algebra 15. D - 14 = 16 would be one law too many.",
        certificate=exact_rank(_values(generated(units(4, 2), 6))),
    )


def _with_first_three() -> list[Any]:
    """The matrices that brackets with S_11, S_12 and S_21 reach from all generators of 4-5-2."""
    from flint import fmpz_mat

    generators = units(4, 2)
    found: list[Any] = []
    fresh = list(generators)
    while fresh:
        kept: list[Any] = []
        for matrix in fresh:
            rows = [[int(x) for x in element.ravel()] for element in (*found, matrix)]
            if fmpz_mat(rows).rank() == len(rows):
                found.append(matrix)
                kept.append(matrix)
        fresh = [a @ b - b @ a for a in kept for b in generators[:SHORTCUT]]
    return found


def _values(matrices: Sequence[Any]) -> list[list[int]]:
    """The fields ``X P`` at a 6 x 5 point P of full rank."""
    import numpy as np

    point = np.array([[(k - 2) ** power for power in range(5)] for k in range(6)])
    return [[int(x) for x in (matrix @ point).ravel()] for matrix in matrices]


def leibniz(sign: int) -> Certificate:
    """``[f X, Y] = f [X, Y] + sign (Y f) X`` in two dimensions, at a point, with all jets free."""
    from ...oracles.proofs import Matrix, identity, multiply, symbol

    f, gradient = symbol(0), Matrix.symbols(1, 2, 1)
    X, Y = Matrix.symbols(2, 1, 3), Matrix.symbols(2, 1, 5)
    DX, DY = Matrix.symbols(2, 2, 7), Matrix.symbols(2, 2, 11)
    left = (DX.scaled(f) + X @ gradient) @ Y - DY @ X.scaled(f)
    along = (gradient @ Y).rows[0][0]
    right = (DX @ Y - DY @ X).scaled(f) + X.scaled(multiply(sign, along))
    return identity(15, left.equals(right))


@dataclass(frozen=True, slots=True)
class _Jet:
    """A field in two dimensions at a point: value, first derivative, the symmetric second one of each component."""

    value: Matrix
    first: Matrix
    second: tuple[Matrix, ...]

    @staticmethod
    def free(start: int) -> _Jet:
        """Twelve variables from ``start`` on."""
        from ...oracles.proofs import Matrix, Node, symbol

        def entry(base: int, i: int, j: int) -> Node:
            return symbol(base + i + j)

        second = tuple(Matrix.build(2, 2, partial(entry, start + 6 + 3 * k)) for k in range(2))
        return _Jet(Matrix.symbols(2, 1, start), Matrix.symbols(2, 2, start + 2), second)

    def bent(self, direction: Matrix) -> Matrix:
        """The second derivative in a direction, as a matrix."""
        first, second = ((bend @ direction).T for bend in self.second)
        return first.blocks([[first], [second]])


def _jacobi() -> Certificate:
    """Jacobi's identity in two dimensions, at a point, with all jets up to second order free."""
    from ...oracles.proofs import Matrix, identity

    x, y, z = (_Jet.free(12 * k) for k in range(3))
    total = Matrix.zeros(2, 1)
    for a, b, c in ((x, y, z), (y, z, x), (z, x, y)):
        value = a.first @ b.value - b.first @ a.value
        slope = a.bent(b.value) - b.bent(a.value) + a.first @ b.first - b.first @ a.first
        total = total + (slope @ c.value - c.first @ value)
    return identity(36, total.equals(Matrix.zeros(2, 1)))


@dataclass(frozen=True, slots=True)
class Brackets:
    """A model, an integer point and a word, for brackets at that point."""

    spec: str
    point: tuple[int, ...]
    word: Word


@dataclass(frozen=True, slots=True)
class AtPoint:
    """A model and an integer point of it."""

    spec: str
    point: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """A model by its short form."""

    spec: str


OTHERS = ("monomial:3", "monomial:5", "symmetric:2-2", "symmetric:2-4", "diagonal:3", "homogeneous:2-2-2+degree2")


def models() -> SearchStrategy[Spec]:
    """Small models of every kind."""
    from hypothesis import strategies as st

    from ..strategies import linear_models, relu_models

    linear = linear_models(layers=(2, 4), width=(1, 4), parameters=30, logits=None)
    relu = relu_models(layers=(2, 3), width=(1, 3), parameters=20)
    return st.one_of(st.one_of(linear, relu).map(lambda model: Spec(model.spec)), st.sampled_from(OTHERS).map(Spec))


def linear_specs() -> SearchStrategy[Spec]:
    """Small linear networks."""
    from ..strategies import linear_models

    return linear_models(layers=(2, 3), width=(2, 5), parameters=45).map(lambda model: Spec(model.spec))


def words() -> SearchStrategy[Brackets]:
    """Words of two or three generators."""
    from hypothesis import strategies as st

    from ...oracles.models import parse_model

    specs = ("linear:1-2-2", "linear:1-3-2", "linear:2-2-2", "linear:2-1-2-2", "symmetric:2-2", "relu:2-1-1+bias")
    entry = st.sampled_from((1, 2, 3, 4, 5, -1, -2, -3))

    @st.composite
    def draw_word(draw: st.DrawFn) -> Brackets:
        spec = draw(st.sampled_from(specs))
        model = parse_model(spec)
        count = len(model.coordinates())
        first, second = draw(st.permutations(range(count)))[:2]
        word = (first, second, *draw(st.lists(st.integers(0, count - 1), max_size=1)))
        return Brackets(spec, tuple(draw(entry) for _ in range(model.parameters)), word)

    return draw_word()


def points() -> SearchStrategy[AtPoint]:
    """Points of small integers, zero among them."""
    from hypothesis import strategies as st

    from ...oracles.models import parse_model

    @st.composite
    def draw_point(draw: st.DrawFn) -> AtPoint:
        spec = draw(st.sampled_from(("linear:2-2-2", "linear:1-3-1", "linear:2-2-2-2", "relu:2-2-2+bias", *OTHERS)))
        size = parse_model(spec).parameters
        return AtPoint(spec, tuple(draw(st.integers(-3, 3)) for _ in range(size)))

    return draw_point()


KNOWN_WORDS = (
    Brackets("linear:1-2-2", (1, 2, 3, 4, 5, 6), (0, 1)),
    Brackets("linear:2-2-2", (1, -2, 3, 1, 2, 1, -1, 4), (0, 1, 1)),
)
DEGENERATE = (AtPoint("linear:2-2-2", (1, 0, 0, 0, 0, 0, 0, 0)), AtPoint("linear:2-2-2-2", (1,) * 12))


def check_dimension(case: Spec) -> Residual:
    """The rank of the algorithm against the dimension that the kernel has accepted."""
    model = _parsed(case.spec)
    found, rank = certified(model), lie_trace(model).rank
    return Residual(abs(rank - found.lie_dimension), nontrivial=found.complete, note=f"dim Lie = {rank}")


def check_shortcut(case: Spec) -> Residual:
    """The wrong statement: brackets with the first three generators reach everything."""
    model = _parsed(case.spec)
    return Residual(abs(lie_trace(model, first=SHORTCUT).rank - certified(model).lie_dimension))


def check_one_level(case: Spec) -> Residual:
    """The wrong statement: brackets of two generators reach everything."""
    model = _parsed(case.spec)
    return Residual(abs(lie_trace(model, depth=2).rank - certified(model).lie_dimension))


def check_lower_bound(case: AtPoint) -> Residual:
    """At any point the rank is at most the certified one."""
    excess = _excess(case)
    return Residual(max(0, excess), nontrivial=any(case.point), note=f"{-excess} below")


def check_any_point(case: AtPoint) -> Residual:
    """The wrong statement: where nothing new is found, at whatever point, the rank is that of Lie(W)."""
    return Residual(abs(_excess(case)))


def _excess(case: AtPoint) -> int:
    model = _parsed(case.spec)
    return lie_trace(model, point=case.point).rank - certified(model).lie_dimension


def check_brackets(case: Brackets) -> Residual:
    """Truncated numbers over the integers against brackets that are differentiated as polynomials."""
    import numpy as np

    model = _parsed(case.spec)
    found = Fields(model).bracket(case.word, np.array([case.point], dtype=object))[0]
    expanded = _expanded(model, case.word)
    stated = [expanded[v].evaluate(case.point) if v in expanded else 0 for v in range(model.parameters)]
    off = sum((abs(Fraction(a) - b) for a, b in zip(found, stated, strict=True)), Fraction(0))
    return Residual(off, nontrivial=any(stated))


def _expanded(model: Model, word: Word) -> dict[int, Polynomial]:
    """The bracket as polynomials, by variable."""
    from ...oracles.polynomials import Polynomial

    gradients = [model.coordinates()[index].gradient() for index in word]

    def slope(field: dict[int, Polynomial], direction: dict[int, Polynomial]) -> dict[int, Polynomial]:
        out: dict[int, Polynomial] = {}
        for variable, component in field.items():
            for other, derivative in component.gradient().items():
                if other in direction:
                    out[variable] = out.get(variable, Polynomial()) + derivative * direction[other]
        return out

    total = gradients[0]
    for field in gradients[1:]:
        plus, minus = slope(total, field), slope(field, total)
        total = {v: plus.get(v, Polynomial()) - minus.get(v, Polynomial()) for v in plus.keys() | minus.keys()}
    return total


def check_floats(case: Brackets) -> Residual:
    """Brackets in float64 against the same brackets over Q at the same floats, entries of the point divided by 3.

    Bound: gamma(n) times the sum of the absolute values of all terms, n the roundings on the longest path through the
    computation (``Fields.roundings``). That sum is computed in float64, which the last factor covers.
    """
    import numpy as np

    model = _parsed(case.spec)
    point = np.array([case.point], dtype=np.float64) / 3
    exact = np.array([[Fraction(float(x)) for x in point[0]]], dtype=object)
    found = Fields(model).bracket(case.word, point)[0]
    stated = Fields(model).bracket(case.word, exact)[0]
    terms = Fields(model, absolute=True).bracket(case.word, abs(point))[0]
    off = sum((abs(Fraction(float(a)) - b) for a, b in zip(found, stated, strict=True)), Fraction(0))
    unit = Fields(model).roundings(case.word) * 2.0**-53
    bound = unit / (1 - unit) * float(terms.sum()) * (1 + 2.0**-30)
    return Residual(float(off), bound, nontrivial=any(x != 0 for x in stated))


def level_table() -> Table:
    """The ranks after each level, with what they cost and what proves the last one."""
    rows: list[list[str | int]] = []
    agrees = True
    for widths, stated in LEVELS.items():
        model = _parsed(f"linear:{widths}")
        found = certified(model)
        trace = lie_trace(model, target=found.lie_dimension)
        agrees = agrees and found.complete and trace.levels == stated
        brackets = len(trace.history) - 1
        shown = " → ".join(map(str, trace.levels))
        rows.append([widths, shown, brackets, trace.rank, found.independent_laws, found.parameters])
    columns = ("widths", "rank after each level", "brackets", "dim Lie", "laws", "D")
    return Table("Linear networks, level by level", columns, rows, agrees)


def trap_table() -> Table:
    """The shortcut on the networks of the notebook where it fails."""
    rows: list[list[str | int]] = []
    agrees = True
    for widths in TRAPS:
        model = _parsed(f"linear:{widths}")
        full, short = lie_trace(model), lie_trace(model, first=SHORTCUT)
        found = certified(model)
        agrees = agrees and found.complete and full.rank == found.lie_dimension and short.rank < full.rank
        rows.append([widths, short.rank, full.rank, found.parameters - short.rank, found.independent_laws])
    columns = ("widths", "rank, three generators", "rank, all generators", "laws it would report", "laws")
    return Table("Where bracketing with three generators stagnates", columns, rows, agrees)


def climbing(profile: Profile) -> SimulationResult:
    """The rank against the number of brackets, with all generators and with three; and level by level."""
    names = list(LEVELS)[::-1]
    traps = TRAPS[:: (4, 2, 1)[profile.effort]]
    off = 0
    by_level: list[Series] = []
    for widths in names:
        model = _parsed(f"linear:{widths}")
        trace = lie_trace(model)
        off += abs(trace.rank - certified(model).lie_dimension)
        by_level.append(Series(widths, [(float(k), float(rank)) for k, rank in enumerate(trace.levels, 1)]))
    for widths in traps:
        off += abs(lie_trace(_parsed(f"linear:{widths}")).rank - certified(_parsed(f"linear:{widths}")).lie_dimension)
    model = _parsed("linear:4-5-2")
    full, short = lie_trace(model), lie_trace(model, first=SHORTCUT)
    truth = float(certified(model).lie_dimension)
    last = float(len(full.history) - 1)
    plots = (
        Plot(
            "4-5-2: the shortcut stagnates one short",
            "brackets evaluated",
            "rank",
            (
                Series("all generators", [(float(k), float(rank)) for k, rank in enumerate(full.history)]),
                Series("first three generators", [(float(k), float(rank)) for k, rank in enumerate(short.history)]),
                Series("certified dim Lie", [(0.0, truth), (last, truth)], kind="bound"),
            ),
            caption="Both runs end when a whole round of brackets adds nothing. Only the certificate tells that one of "
            "them is wrong.",
        ),
        Plot(
            "Rank of Lie(W) after each level",
            "level",
            "rank",
            by_level,
            caption="Level 1 are the generators, level k adds brackets of k of them. Narrow ends need deep brackets.",
        ),
    )
    note = f"three generators reach {short.rank} of {full.rank} on 4-5-2"
    return SimulationResult(Residual(off, note=note), plots)


def sixteen_laws() -> Certificate:
    """The certificate of 4-5-2 with what the shortcut would report."""
    model = _parsed("linear:4-5-2")
    found = certified(model)
    assert found.certificate is not None
    claim = found.certificate["claim"]
    assert isinstance(claim, dict)
    rank = lie_trace(model, first=SHORTCUT).rank
    wrong = {"independent_laws": model.parameters - rank, "lie_dimension": rank}
    return {**found.certificate, "claim": {**claim, **wrong}}


THEOREM = Theorem(
    id="A1.alg.lie-trace",
    title="The dimension of Lie(W) at a generic point",
    summary="Keep brackets that enlarge the rank, bracket them with all generators, stop when nothing is kept.",
    source="A1 section 3.3 and the authors' notebook; correctness derived",
    status="derived",
    hypotheses=(
        "Generators X_1, ..., X_d are polynomial fields with integer coefficients; they span W.",
        "The point is generic: the ranks of the spans of brackets are the same nearby.",
    ),
    statement=r"\begin{gathered} "
    r"\mathcal B_0 \subset \{X_i\} \text{ independent at } \theta \\ "
    r"\mathcal B_{k+1} = "
    r"\{\, [Y, X](\theta) : Y \in \mathcal B_k, X \in \mathcal B_0 \text{ that enlarge the rank} \,\} \\ "
    r"\dim \mathrm{Lie}(W)(\theta) = \textstyle\sum_k |\mathcal B_k|"
    r" \end{gathered}",
    assumes=("A1.independence-and-count", "A0.rank-certificate"),
    derivation=derivation,
    tables=(level_table, trap_table),
    properties=(
        Property(
            name="dimension",
            says="On random models of every kind the algorithm ends at the dimension that the kernel accepts.",
            arithmetic="modular",
            cases=models,
            check=check_dimension,
            examples=tuple(Spec(spec) for spec in ("linear:2-4-5-2-2", "linear:4-5-2", "linear:1-2-2-1", *OTHERS)),
            share=0.25,
        ),
        Property(
            name="brackets",
            says="Brackets in truncated numbers equal those that are expanded as polynomials.",
            arithmetic="rational",
            cases=words,
            check=check_brackets,
            examples=KNOWN_WORDS,
        ),
        Property(
            name="brackets-in-floats",
            says="Brackets in float64 differ from those over Q at the same point by no more than rounding.",
            arithmetic="float64",
            cases=words,
            check=check_floats,
            examples=KNOWN_WORDS,
            share=0.5,
        ),
        Property(
            name="lower-bound",
            says="At any point, generic or not, the rank is at most the certified dimension.",
            arithmetic="modular",
            cases=points,
            check=check_lower_bound,
            examples=DEGENERATE,
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            name="climbing",
            says="The rank grows bracket by bracket to the certified dimension; three generators may stop early.",
            run=climbing,
        ),
    ),
    mutants=(
        Mutant(
            name="first-three",
            says="It is enough to bracket with the first three generators.",
            violates=Property(
                name="first-three",
                says="the shortcut of the notebook's fast mode",
                arithmetic="modular",
                cases=linear_specs,
                check=check_shortcut,
                examples=(Spec("linear:4-5-2"),),
                share=0.25,
            ),
        ),
        Mutant(
            name="one-level",
            says="It is enough to bracket generators once.",
            violates=Property(
                name="one-level",
                says="two levels",
                arithmetic="modular",
                cases=linear_specs,
                check=check_one_level,
                examples=(Spec("linear:2-4-5-2"),),
                share=0.25,
            ),
        ),
        Mutant(
            name="any-point",
            says="Stagnation proves closure at every point.",
            violates=Property(
                name="any-point",
                says="the rank where the search stops",
                arithmetic="modular",
                cases=points,
                check=check_any_point,
                examples=DEGENERATE,
            ),
        ),
        Mutant(
            name="sixteen-laws",
            says="4-5-2 has the 16 laws that the shortcut would report.",
            rejects=sixteen_laws,
        ),
        Mutant(
            name="leibniz-sign",
            says="[f X, Y] = f [X, Y] - (Y f) X.",
            rejects=lambda: leibniz(-1),
        ),
    ),
)
