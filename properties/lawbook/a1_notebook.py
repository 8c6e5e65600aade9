"""A1.notebook: the seeded networks of the authors' notebooks; the known laws of each of them are all of its laws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from .._notebook import LOOPS, Row, notebook_rows
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a1_alg_lie_trace import PRIME, SHORTCUT, lie_trace
from .a1_char_orthogonality import balances, model_of, network_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...simulations.fields import Field

CHECKSUMS = {
    "linear50_lie": (50, 0, 803, 1774),
    "linear10_poly": (10, 0, 89, 245),
    "relu50_lie": (50, 22, 569, 5114),
    "relu10_poly": (10, 0, 39, 197),
}
"""For each loop its rows, its rows with biases, and the sums of the known laws and of D, as the theory states them."""
FAILURES = (2, 12, 14, 29, 31, 32, 37, 47)
"""The rows of the first loop on which the fast search fails, as the theory states them."""
DEPTHS = {"linear50_lie": (2, 5), "linear10_poly": (2, 4), "relu50_lie": (2, 5), "relu10_poly": (2, 4)}
WIDTHS = {"linear50_lie": (2, 6), "linear10_poly": (2, 5), "relu50_lie": (2, 10), "relu10_poly": (2, 5)}
"""The arguments of ``randint`` for the depth and for each width."""
ROUNDS = 50
"""More levels of brackets than any search needs."""


def rows_of(loop: str) -> list[Row]:
    """The rows of one loop."""
    return [row for row in notebook_rows() if row.kind == loop]


def parameter_count(widths: Sequence[int], bias: bool) -> int:
    """D: all weights, and with ``bias`` one bias for each hidden neuron."""
    return sum(a * b for a, b in pairwise(widths)) + bias * sum(widths[1:-1])


def law_count(linear: bool, widths: Sequence[int]) -> int:
    """The independent known laws: balance matrices (A1.deep-linear.known-laws), or one for each hidden neuron."""
    from ...oracles.lie import balance_rank

    return balance_rank(widths) if linear else sum(widths[1:-1])


@cache
def certified(spec: str) -> Completeness:
    """What the kernel accepts about the model."""
    from ...oracles.lie import find_completeness

    found = find_completeness(model_of(spec), levels=False)
    assert found.complete
    return found


@cache
def fast_rank(widths: tuple[int, ...]) -> int:
    """The rank that brackets with the first three generators reach; they stop at what the known laws leave room for."""
    room = parameter_count(widths, False) - law_count(True, widths)
    spec = "linear:" + "-".join(map(str, widths))
    return lie_trace(model_of(spec), first=SHORTCUT, depth=ROUNDS, target=room).rank


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a pass of a loop draws: the widths, whether there are biases, and the numbers of its first ``rand(D)``."""

    widths: tuple[int, ...]
    bias: bool
    numbers: tuple[float, ...]


@cache
def draws(loop: str, consumed: bool = True, retried: bool = True) -> tuple[Drawn, ...]:
    """All passes of a loop, from ``np.random.seed(0)`` with the legacy generator.

    Args:
        loop: its name.
        consumed: whether the body of the loop uses up random numbers, as it does.
        retried: whether a fast search that fails is followed by a full one, which uses up ``rand(D)`` once more.
    """
    import numpy as np

    random = np.random.RandomState(0)

    def integer(bounds: tuple[int, int]) -> int:
        return int(random.randint(*bounds, dtype=np.int64))  # the default type depends on the platform

    found: list[Drawn] = []
    for _ in range(CHECKSUMS[loop][0]):
        depth = integer(DEPTHS[loop])
        widths = tuple(integer(WIDTHS[loop]) for _ in range(depth + 1))
        bias = loop == "relu50_lie" and bool(random.random_sample() < 0.5)
        size = parameter_count(widths, bias)
        calls = 2 if loop.startswith("linear") else 1
        if retried and loop == "linear50_lie":
            calls += fast_rank(widths) < size - law_count(True, widths)
        numbers = [random.random_sample(size) for _ in range(calls * consumed)]
        found.append(Drawn(widths, bias, tuple(float(x) for x in numbers[0]) if numbers else ()))
    return tuple(found)


def derivation() -> Iterator[Step]:
    """What a certificate of a row says, then one for each of the 120 rows."""
    yield Step(
        "Both numbers of a row are lower bounds that cannot add up to more than D (A0.rank-certificate): brackets span "
        "dim Lie, known laws have independent gradients. A certificate shows ranks whose sum is D, so the known laws "
        "are all laws. For the linear networks these are the entries of the balance matrices, for the ReLU networks "
        "one balance for each hidden neuron. The rows follow in the order of the notebooks, widths from the output.",
        r"\dim \mathrm{Lie}(W_\phi)(\theta) + \#\text{known laws} = D",
    )
    for loop in LOOPS:
        for number, row in enumerate(rows_of(loop)):
            found = certified(row.spec)
            widths = "-".join(map(str, row.widths)) + (" with biases" if row.bias else "")
            size = f"{found.independent_laws} laws, dim Lie {found.lie_dimension}, D = {found.parameters}"
            yield Step(f"{loop} {number}: {widths} has {size}.", certificate=found.certificate)


@dataclass(frozen=True, slots=True)
class Place:
    """Row ``number`` of a loop."""

    loop: str
    number: int

    @property
    def row(self) -> Row:
        """The row itself."""
        return rows_of(self.loop)[self.number]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Row ``number`` of a loop, and the seed of random numbers."""

    loop: str
    number: int
    seed: int

    @property
    def row(self) -> Row:
        """The row itself."""
        return rows_of(self.loop)[self.number]


PLACES = tuple(Place(loop, number) for loop in LOOPS for number in range(CHECKSUMS[loop][0]))


def places(*loops: str, biased: bool = False) -> Callable[[], SearchStrategy[Place]]:
    """Rows of the loops, or of all of them; they shrink to the first."""

    def strategy() -> SearchStrategy[Place]:
        from hypothesis import strategies as st

        chosen = [place for place in PLACES if place.loop in (loops or LOOPS)]
        return st.sampled_from([place for place in chosen if not biased or place.row.bias])

    return strategy


def sampled() -> SearchStrategy[Sampled]:
    """Rows with seeds."""
    from hypothesis import strategies as st

    def joined(drawn: tuple[Place, int]) -> Sampled:
        place, seed = drawn
        return Sampled(place.loop, place.number, seed)

    return st.tuples(st.sampled_from(PLACES), st.integers(0, 2**32 - 1)).map(joined)


def check_draws(consumed: bool = True, retried: bool = True) -> Callable[[Place], Residual]:
    """Whether the row is the one that the seed gives; the first row of a loop tells nothing about consumption."""

    def check(place: Place) -> Residual:
        row, drawn = place.row, draws(place.loop, consumed, retried)[place.number]
        shown = "-".join(map(str, drawn.widths)) + "+bias" * drawn.bias
        differs = (drawn.widths, drawn.bias) != (row.widths, row.bias)
        listed = "-".join(map(str, row.widths)) + "+bias" * row.bias
        return Residual(int(differs), nontrivial=place.number > 0, note=f"drawn {shown}, listed {listed}")

    return check


def check_sizes(place: Place) -> Residual:
    """D and the known laws of the list against their formulas and against the model."""
    row = place.row
    model = model_of(row.spec)
    off = abs(row.parameters - parameter_count(row.widths, row.bias)) + abs(row.parameters - model.parameters)
    return Residual(off + abs(row.known_laws - law_count(row.linear, row.widths)))


def check_output_biases(place: Place) -> Residual:
    """The wrong statement: every neuron has a bias, outputs too."""
    row = place.row
    return Residual(abs(row.parameters - parameter_count(row.widths, row.bias) - row.bias * row.widths[0]))


def check_dimension(case: Sampled) -> Residual:
    """D - known laws against the rank at a random point, without certificates.

    Linear networks: the bracket algorithm with all generators. ReLU networks: the rank over Q of paths, which is that
    of the generators where no parameter is zero, and there brackets add nothing (A1.relu.path-lifting.count).
    """
    row = case.row
    room = row.parameters - row.known_laws
    if row.linear:
        import numpy as np

        point = np.random.default_rng(case.seed).integers(1, PRIME, row.parameters).tolist()
        found = lie_trace(model_of(row.spec), depth=ROUNDS, point=point).rank
    else:
        found = path_rank(row, case.seed, room)
    return Residual(abs(found - room), note=f"rank {found}")


def path_rank(row: Row, seed: int, target: int) -> int:
    """The rank of random paths of a ReLU network: drawn until they span ``target`` dimensions, and then D more.

    With 40 times as many paths as parameters an edge is missed with a probability below 1e-9.
    """
    from random import Random

    from flint import fmpz_mat

    random = Random(seed)
    kept: list[list[int]] = []
    for _ in range(20):
        kept += [_path(row, random) for _ in range(2 * row.parameters)]
        if fmpz_mat(kept).rank() >= target:
            break
    kept += [_path(row, random) for _ in range(row.parameters)]
    return int(fmpz_mat(kept).rank())


def _path(row: Row, random: Any) -> list[int]:
    """The edges of a random path, from an input or from the bias of a hidden layer to an output, as a 0/1 vector."""
    widths = row.widths[::-1]
    sizes = [a * b for a, b in pairwise(widths)]
    starts = list(accumulate(sizes, initial=0))
    biases = list(accumulate(widths[1:-1], initial=starts[-1]))
    vector = [0] * row.parameters
    layer = random.randrange(len(widths) - 1) if row.bias else 0
    neuron = random.randrange(widths[layer])
    if layer:
        vector[biases[layer - 1] + neuron] = 1
    for k in range(layer, len(widths) - 1):
        head = random.randrange(widths[k + 1])
        vector[starts[k] + neuron * widths[k + 1] + head] = 1
        neuron = head
    return vector


def check_quadratic(place: Place) -> Residual:
    """The search for all laws of degree 2, without theorems: how many are independent."""
    from ...oracles.laws import functional_rank, polynomial_laws

    row = place.row
    found = polynomial_laws(model_of(row.spec), 2, rules=())
    return Residual(abs(functional_rank(found.basis, row.parameters) - row.known_laws))


def check_fast(place: Place) -> Residual:
    """The wrong statement: brackets with the first three generators count the laws."""
    row = place.row
    return Residual(abs(row.parameters - fast_rank(row.widths) - row.known_laws))


def field_of(row: Row, random: Any) -> Field:
    """The gradient of the squared loss: of random data for a ReLU network, of a random target for a linear one."""
    from ...simulations import DataLoss, FloatField, Loss, Objective

    def entries(*shape: int) -> list[Any]:
        return [[Fraction(float(x)) for x in line] for line in random.normal(size=shape)]

    outputs, inputs = row.widths[0], row.widths[-1]
    if row.linear:
        return FloatField(Objective(model_of(row.spec), Loss.squared(entries(1, outputs * inputs)[0])))
    return DataLoss(network_of(row.spec, Fraction(0)), entries(3, inputs), entries(3, outputs))


def check_floats(precision: str) -> Callable[[Sampled], Residual]:
    """The inner products of a computed gradient with those of the known laws, at a random point.

    Bound: ``sum_i |d_i h| r_i``, r the rounding of the gradient: the number of roundings along a path, times the unit
    roundoff, times the sum of absolute terms. The inner products themselves are evaluated exactly.
    """

    def check(case: Sampled) -> Residual:
        import numpy as np

        from ...simulations.fields import gamma

        random = np.random.default_rng(case.seed)
        field = field_of(case.row, random)
        start = random.normal(size=case.row.parameters).astype(precision)
        gradient = [Fraction(float(g)) for g in field(start)]
        # the absolute terms are themselves computed, in float64
        relative = gamma(field.roundings, np.dtype(precision)) / (1 - gamma(field.roundings))
        rounding = [Fraction(float(r)) for r in relative * field.absolute(start)]
        point = [Fraction(float(x)) for x in start]
        worst = Residual(0, 0, nontrivial=False)
        for law in balances(case.row.spec):
            slope = {i: Fraction(part.evaluate(point)) for i, part in law.gradient().items()}
            value = float(abs(sum((s * gradient[i] for i, s in slope.items()), Fraction(0))))
            bound = float(sum((abs(s) * rounding[i] for i, s in slope.items()), Fraction(0)))
            if value * (worst.bound or 1) >= worst.value * (bound or 1):
                worst = Residual(value, bound, nontrivial=worst.nontrivial or any(gradient[i] for i in slope))
            if not worst.holds:
                return worst
        return worst

    return check


def checksum_table() -> Table:
    """Sums over the rows of each loop, from the draws and from the certificates."""
    rows: list[list[str | int]] = []
    agrees = True
    for loop in LOOPS:
        listed, drawn = rows_of(loop), draws(loop)
        found = [certified(row.spec) for row in listed]
        hits = sum((d.widths, d.bias) == (row.widths, row.bias) for d, row in zip(drawn, listed, strict=True))
        laws, size = sum(f.independent_laws for f in found), sum(f.parameters for f in found)
        sums = (len(drawn), sum(d.bias for d in drawn), laws, size)
        agrees = agrees and sums == CHECKSUMS[loop] and hits == len(listed)
        agrees = agrees and all(f.independent_laws == row.known_laws for f, row in zip(found, listed, strict=True))
        rows.append([loop, len(listed), hits, sums[1], sums[3], sum(f.lie_dimension for f in found), laws])
    columns = ("loop", "rows", "drawn again", "with biases", "sum of D", "sum of dim Lie", "sum of laws")
    return Table("The four loops: certified sums", columns, rows, agrees)


def stream_table() -> Table:
    """The first rows of the first loop, drawn in three ways."""
    ways = (draws("linear50_lie"), draws("linear50_lie", retried=False), draws("linear50_lie", consumed=False))
    rows: list[list[str | int]] = []
    for number in range(6):
        widths = ways[0][number].widths
        short, room = fast_rank(widths), parameter_count(widths, False) - law_count(True, widths)
        search = f"stops at {short} of {room}" if short < room else f"reaches {short}"
        rows.append([number, *("-".join(map(str, way[number].widths)) for way in ways), search])
    fails = tuple(
        number
        for number, drawn in enumerate(ways[0])
        if fast_rank(drawn.widths) < parameter_count(drawn.widths, False) - law_count(True, drawn.widths)
    )
    known = rows[1][1] == "5-5-4-4-5", rows[1][3] == "5-3-4-2", rows[3][1] == "2-2-2", rows[3][2] == "2-5-4-3"
    columns = ("row", "as drawn", "without the second search", "without any rand(D)", "three generators")
    title = f"One stream of random numbers; the fast search fails on the rows {', '.join(map(str, fails))}"
    return Table(title, columns, rows, fails == FAILURES and all(known))


def first_evaluation(profile: Profile) -> SimulationResult:
    """The singular values of the generators of the ReLU networks, at the numbers that the loop itself draws.

    The rank of the first evaluation is D - known laws, so as many singular values are 0 in exact arithmetic. Bound on
    what is computed for them: an entry of the matrix is a product of at most L numbers, so it is wrong by
    ``gamma(L)`` times itself and the matrix by that times its Frobenius norm F; the decomposition adds a small multiple
    of ``u F``, here 8 (rows + columns) of them. Weyl: singular values move by no more than that.
    """
    import numpy as np

    most = (300, 500, 50_000)[profile.effort]
    unit = 2.0**-53
    pieces: list[tuple[str, Any]] = []
    below, above, allowed = list[tuple[float, float]](), list[tuple[float, float]](), list[tuple[float, float]]()
    worst, gap, skipped = 0.0, float("inf"), 0
    for row, drawn in zip(rows_of("relu50_lie"), draws("relu50_lie"), strict=True):
        if path_count(row) > most:
            skipped += 1
            continue
        matrix = generators(row, np.array(drawn.numbers))
        values = np.linalg.svd(np.linalg.qr(matrix, mode="r"), compute_uv=False)
        values = np.concatenate([values, np.zeros(row.parameters - len(values))])
        room = row.parameters - row.known_laws
        size = float(np.linalg.norm(matrix))
        bound = (8 * sum(matrix.shape) + len(row.widths) + 1) * unit * size
        kept, dropped = float(values[room - 1]), float(values[room:].max())
        worst, gap = max(worst, dropped / bound), min(gap, kept / dropped if dropped else gap)
        width = float(row.parameters)
        above.append((width, kept))
        allowed.append((width, bound))
        below.append((width, max(dropped, 1e-18)))
        if len(pieces) < 3:
            pieces.append(("-".join(map(str, row.widths)) + " with biases" * row.bias, values))
    spectra = [
        Series(name, [(float(k), max(float(v), 1e-18)) for k, v in enumerate(values, 1)], "points")
        for name, values in pieces
    ]
    note = f"smallest gap {gap:.1e} over {len(above)} networks"
    plots = (
        Plot(
            "Singular values of the generators at a point of the seeded stream",
            "number",
            "singular value",
            spectra,
            y_scale="log",
            caption="The step down is the rank D - known laws. Zeros are drawn at 1e-18.",
        ),
        Plot(
            "The gap at the rank D - known laws",
            "D",
            "singular value",
            (
                Series("smallest above", sorted(above), "points"),
                Series("largest below", sorted(below), "points"),
                Series("rounding can reach", sorted(allowed), "bound"),
            ),
            y_scale="log",
            caption=f"ReLU networks with at most {most} paths; {skipped} of the 50 have more.",
        ),
        _scatter(),
    )
    return SimulationResult(Residual(worst, 1, note=note), plots)


def path_count(row: Row) -> int:
    """How many paths a ReLU network has, those from biases included."""
    from_inputs = prod(row.widths)
    return from_inputs + row.bias * sum(prod(row.widths[:k]) for k in range(2, len(row.widths)))


def generators(row: Row, point: Any) -> Any:
    """The gradients of all paths at a point, shape (paths, D): phi_p / theta_e for the edges e of the path p.

    Parameters in the order of the weights from the input on, then the biases.
    """
    import numpy as np

    widths = row.widths[::-1]
    starts = list(accumulate((a * b for a, b in pairwise(widths)), initial=0))
    biases = list(accumulate(widths[1:-1], initial=starts[-1]))
    blocks: list[Any] = []
    for layer in range(len(widths) - 1 if row.bias else 1):
        neurons = np.indices(widths[layer:]).reshape(len(widths) - layer, -1)
        edges = [
            starts[layer + k] + neurons[k] * widths[layer + k + 1] + neurons[k + 1] for k in range(len(neurons) - 1)
        ]
        if layer:
            edges.append(biases[layer - 1] + neurons[0])
        chosen = np.stack(edges, axis=1)
        out = np.zeros((len(chosen), row.parameters))
        lines = np.arange(len(chosen))
        for k in range(chosen.shape[1]):
            out[lines, chosen[:, k]] = np.delete(point[chosen], k, axis=1).prod(axis=1)
        blocks.append(out)
    return np.concatenate(blocks)


def _scatter() -> Plot:
    series = [
        Series(loop, sorted((float(row.parameters), float(row.known_laws)) for row in rows_of(loop)), "points")
        for loop in LOOPS
    ]
    caption = "A linear network has a balance matrix for each hidden layer, a ReLU network one law for each neuron."
    return Plot("All 120 networks", "D", "independent laws", series, x_scale="log", y_scale="log", caption=caption)


def one_law_more() -> Certificate:
    """The certificate of the first row with another count."""
    found = certified(notebook_rows()[0].spec)
    assert found.certificate is not None
    claim = found.certificate["claim"]
    assert isinstance(claim, dict)
    counts = {"independent_laws": found.independent_laws + 1, "lie_dimension": found.lie_dimension - 1}
    return {**found.certificate, "claim": {**claim, **counts}}


def without_bias() -> Certificate:
    """The balance of the first hidden neuron of the first biased row, without its bias, refuted."""
    from ...oracles.models import PathLifting
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import find_refutation

    spec = next(row.spec for row in notebook_rows() if row.bias)
    model = model_of(spec)
    assert isinstance(model, PathLifting)
    offsets = accumulate((block.size for block in model.blocks), initial=0)
    biases: set[int] = set()
    for start, (a, _), block in zip(offsets, model.links, model.blocks, strict=False):
        biases |= set(range(start, start + block.size)) if model.groups[a].name == "one" else set()
    law = balances(spec)[0]
    wrong = Polynomial([(m, c) for m, c in law.terms.items() if m[0][0] not in biases])
    refutation = find_refutation(model, wrong)
    assert refutation is not None
    return refutation.certificate


THEOREM = Theorem(
    id="A1.notebook",
    title="The seeded networks of the authors' notebooks",
    summary="The 120 networks that the authors' notebooks draw have no laws but the known ones.",
    source="notebooks that accompany A1, reproduced and recomputed exactly",
    status="proved",
    hypotheses=(
        "The 120 networks of the list, drawn with np.random.seed(0) before each of four loops.",
        "linear50_lie, linear10_poly: deep linear networks. relu50_lie, relu10_poly: ReLU networks, with biases of "
        "hidden neurons in 22 of the first 50, none of outputs.",
        "Generic points.",
    ),
    statement=r"D - \dim \mathrm{Lie}(W_\phi)(\theta) = \begin{cases} \sum_{i=1}^{L-1} \bigl( s(d_i) - s(t_i) \bigr), "
    r"\; t_i = \max(0,\, d_i - d_{i-1} - d_{i+1}) & \text{linear} \\ d_1 + \dots + d_{L-1} & \text{ReLU} \end{cases}",
    assumes=(
        "A0.rank-certificate",
        "A1.alg.lie-trace",
        "A1.deep-linear.count",
        "A1.independence-and-count",
        "A1.relu.path-lifting.count",
    ),
    derivation=derivation,
    tables=(checksum_table, stream_table),
    properties=(
        Property(
            name="draws",
            says="Every row is what the legacy generator draws from seed 0 when the body of the loop consumes random "
            "numbers as the notebooks do, a second search after a failed fast one included.",
            arithmetic="rational",
            cases=places(),
            check=check_draws(),
            examples=PLACES,
        ),
        Property(
            name="sizes",
            says="D and the number of known laws follow from the widths.",
            arithmetic="rational",
            cases=places(),
            check=check_sizes,
            examples=PLACES,
        ),
        Property(
            name="dimension",
            says="Without certificates: brackets with all generators, or the rank of paths, leave room for the known "
            "laws only.",
            arithmetic="modular",
            cases=sampled,
            check=check_dimension,
            share=0.15,
        ),
        Property(
            name="quadratic-laws",
            says="The two short loops solve for all laws of degree 2; the known number of them is independent.",
            arithmetic="rational",
            cases=places("linear10_poly", "relu10_poly"),
            check=check_quadratic,
            share=0.2,
        ),
        Property(
            name="float64",
            says="Gradients computed in float64 are orthogonal to those of all known laws up to rounding.",
            arithmetic="float64",
            cases=sampled,
            check=check_floats("float64"),
            share=0.2,
        ),
        Property(
            name="float32",
            says="The same in float32.",
            arithmetic="float32",
            cases=sampled,
            check=check_floats("float32"),
            share=0.1,
        ),
    ),
    simulations=(
        Simulation(
            name="first-evaluation",
            says="At the points that the loop draws, float64 separates the rank of ReLU networks from rounding.",
            run=first_evaluation,
        ),
    ),
    mutants=(
        Mutant(
            name="nothing-consumed",
            says="The body of a loop uses up no random numbers.",
            violates=Property(
                "nothing-consumed", "draws of the sizes alone", "rational", places(), check_draws(consumed=False)
            ),
        ),
        Mutant(
            name="no-second-search",
            says="A fast search that fails is not repeated in full.",
            violates=Property(
                "no-second-search",
                "draws without the second search",
                "rational",
                places("linear50_lie"),
                check_draws(retried=False),
            ),
        ),
        Mutant(
            name="first-three",
            says="Brackets with the first three generators are enough to count the laws.",
            violates=Property("first-three", "the fast search", "modular", places("linear50_lie"), check_fast),
        ),
        Mutant(
            name="output-biases",
            says="Outputs have biases too.",
            violates=Property(
                "output-biases", "D with output biases", "rational", places(biased=True), check_output_biases
            ),
        ),
        Mutant(
            name="one-law-more",
            says="The first network has one law more.",
            rejects=one_law_more,
        ),
        Mutant(
            name="without-bias",
            says="The bias of a neuron may be left out of its balance.",
            refutes=without_bias,
        ),
    ),
)
